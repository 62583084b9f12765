// Processes that want one log at once, and holders that lose their lock: counts seq numbers that are there twice.
//   node scripts/build.mjs --tests && node scripts/lock-run.mjs [--races 10] [--writers 20] [--rounds 10] [--real-wait]
// --real-wait stops a holder for 33 s instead of making its lock look old.
import { parseArgs } from 'node:util'
import { LOSSES, lockRace, loseLock, stopTaking } from '../.build/test/kit/fault-writers.js'

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '10' },
    writers: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '10' },
    'real-wait': { type: 'boolean', default: false },
  },
})
let bad = 0
const show = (name, report) => {
  const { duplicates, missing, unclear, other, ...rest } = report
  console.log(name, JSON.stringify({ ...rest, duplicates: duplicates.length, missing: missing.length }))
  for (const each of [...new Set([...unclear, ...other, ...missing.slice(0, 3), ...duplicates.slice(0, 3)])])
    console.log(`  ${each}`)
  bad += duplicates.length + missing.length + unclear.length + other.length
}
for (let race = 1; race <= Number(values.races); race++) {
  show(`race ${race}:`, await lockRace(Number(values.writers), Number(values.rounds), race))
}
for (const how of Object.keys(LOSSES)) show(`${how}:`, await loseLock(how, values['real-wait'] ? 33_000 : 0))
for (let nth = 1; ; nth++) {
  const report = await stopTaking(nth)
  if (report === undefined) break
  show(`stopped before call ${nth} of a take-over:`, report)
}
process.exitCode = bad > 0 ? 1 : 0
