// The fleet on trial, in full: 20 hives tell 2,000,000 events and send their own logs, with rotation and compression,
// through a network that cuts, delays, doubles and answers 503; the server is killed 50 times, the hives 20 times. Every
// copy must be the original, byte for byte, and verify; nothing that was acknowledged may be missing; no event may be
// there twice.
//
//   node scripts/test-fleet.mjs [--hives N] [--events N] [--server-kills N] [--hive-kills N] [--seed N] [--json]
//
// --events counts those of all hives. It needs what scripts/build.mjs --tests compiled to .build/, or to
// $HIVELOG_TEST_BUILD.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    hives: { type: 'string', default: '20' },
    events: { type: 'string', default: '2000000' },
    'server-kills': { type: 'string', default: '50' },
    'hive-kills': { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const { runFleet } = await import(
  new URL(`../${process.env.HIVELOG_TEST_BUILD || '.build'}/test/kit/fleet-run.js`, import.meta.url)
)

let state = Number(values.seed)
const dice = () => {
  state = (state * 1_664_525 + 1_013_904_223) >>> 0
  return state / 2 ** 32
}
const folder = mkdtempSync(join(tmpdir(), 'hivelog-fleet-'))
/** It must end by itself, whatever hangs. */
const LIMIT_MS = 15 * 60_000
const limit = setTimeout(() => {
  console.error(`fleet: not done after ${LIMIT_MS / 60_000} minutes`)
  process.exit(1)
}, LIMIT_MS).unref()
const hives = Number(values.hives)
try {
  const report = await runFleet({
    folder,
    hives,
    events: Math.floor(Number(values.events) / hives),
    serverKills: Number(values['server-kills']),
    hiveKills: Number(values['hive-kills']),
    rotateBytes: 4 * 1024 * 1024,
    dice,
    onProgress: (line) => console.error(`fleet: ${line}`),
  })
  if (values.json) console.log(JSON.stringify(report))
  else {
    const { events, lines, bytes, segments, ms, acknowledgements, sentLater, problems, network } = report
    console.log(
      `${hives} hives, ${events} events, ${lines} lines, ${bytes} bytes, ${segments} segments, ${ms} ms`,
    )
    console.log(`server killed ${report.serverKills} times, hives ${report.hiveKills} times`)
    console.log(
      `network: ${Object.entries(network)
        .map(([what, count]) => `${what} ${count}`)
        .join(', ')}`,
    )
    console.log(
      `${acknowledgements} acknowledgements; ${sentLater} logs were sent to their end by hivelog ship`,
    )
    for (const problem of problems) console.log(problem)
    console.log(problems.length === 0 ? 'every copy is the original' : `${problems.length} problems`)
  }
  if (report.problems.length > 0) process.exitCode = 1
} finally {
  clearTimeout(limit)
  rmSync(folder, { recursive: true, force: true })
}
