// Kills writers with SIGKILL at random moments, and checks after each what is in the log.
//   node scripts/build.mjs --tests && node scripts/kill-run.mjs [--kills 2000] [--seed 1] [--processes 2]
import { parseArgs } from 'node:util'
import { killRun } from '../.build/test/kit/fault-kill.js'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
  },
})
const { violations, ...rest } = await killRun(
  Number(values.kills),
  Number(values.seed),
  Number(values.processes),
)
for (const { what, detail, log, kill } of violations.slice(0, 50)) {
  console.log(`log ${log}, kill ${kill}: ${what}: ${detail}`)
}
console.log(JSON.stringify({ ...rest, violations: violations.length }))
process.exitCode = violations.length > 0 ? 1 : 0
