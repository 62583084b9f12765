// The whole fault run: every scenario of test/kit/fault-plan.ts. Exit code 1 when a promise is broken.
//   node scripts/build.mjs --tests && node scripts/fault-run.mjs [--list-failures] [--sample] [--only TEXT]… [--processes N]
// --list-failures prints the grouped table alone; --sample plays what the tests play; --only those scenarios whose id,
// state/call/error/way/number, contains TEXT.
import { parseArgs } from 'node:util'
import {
  allScenarios,
  calm,
  failureTable,
  fullDisks,
  openStage,
  play,
  sample,
} from '../.build/test/kit/fault-plan.js'

const { values } = parseArgs({
  options: {
    'list-failures': { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    sample: { type: 'boolean', default: false },
    processes: { type: 'string', default: '2' },
  },
})
const stage = openStage()
try {
  const quiet = await play(stage, calm(stage))
  if (!values['list-failures']) for (const { id, counts } of quiet) console.log(id, JSON.stringify(counts))
  const all = allScenarios(stage, quiet)
  const wanted = [...(values.sample ? sample(all) : all), ...fullDisks(stage)].filter(
    ({ id }) => values.only?.every((text) => id.includes(text)) ?? true,
  )
  if (!values['list-failures']) console.log(`${wanted.length} of ${all.length} scenarios`)
  let done = 0
  const results = await play(stage, wanted, Number(values.processes), ({ id, violations, ms }) => {
    done++
    if (values['list-failures']) return
    if (violations.length > 0) {
      console.log(
        `${id} (${ms} ms): ${violations
          .slice(0, 3)
          .map(({ what, detail }) => `${what}: ${detail}`)
          .join('; ')}`,
      )
    }
  })
  const bad = [...quiet, ...results].filter(({ violations }) => violations.length > 0)
  if (bad.length > 0) console.log(failureTable(bad))
  const met = results.filter(({ hits }) => hits > 0).length
  console.log(`${done} scenarios, ${met} met their fault, ${bad.length} break a promise`)
  process.exitCode = bad.length > 0 ? 1 : 0
} finally {
  stage.close()
}
