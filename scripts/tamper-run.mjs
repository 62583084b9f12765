// Changes a signed, rotated log at random, lets the writer go on, and asks verify with the key.
//   node scripts/build.mjs --tests && node scripts/tamper-run.mjs [--changes 10000] [--seed 1] [--processes 2]
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
  },
})
const program = fileURLToPath(new URL('../.build/test/kit/fault-tamper.js', import.meta.url))
const processes = Number(values.processes)
const share = Math.ceil(Number(values.changes) / processes)

const reports = await Promise.all(
  Array.from({ length: processes }, async (_, i) => {
    const args = [program, String(share), String(Number(values.seed) * 1000 + i)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    return JSON.parse(await text(child.stdout))
  }),
)

const add = (into, from) => {
  for (const [key, value] of Object.entries(from)) {
    if (typeof value === 'number') into[key] = (into[key] ?? 0) + value
    else if (Array.isArray(value) && typeof value[0] === 'number')
      into[key] = value.map((n, i) => n + (into[key]?.[i] ?? 0))
    else if (Array.isArray(value)) into[key] = [...(into[key] ?? []), ...value]
    else into[key] = add(into[key] ?? {}, value)
  }
  return into
}
const { missed, falseAlarms, byChange, ...sums } = reports.reduce(add, {})
for (const [change, [found, all]] of Object.entries(byChange))
  console.log(`${String(found).padStart(6)} of ${String(all).padStart(6)} found  ${change}`)
for (const { base, finding } of falseAlarms) console.log(`false alarm in ${base}: ${finding}`)
const groups = new Map()
for (const each of missed) groups.set(each.change, [...(groups.get(each.change) ?? []), each])
for (const [change, list] of groups)
  console.log(
    `missed ${list.length}: ${change} (${list
      .slice(0, 3)
      .map(({ base, seed }) => `${base} ${seed}`)
      .join(', ')})`,
  )
console.log(JSON.stringify({ ...sums, missed: missed.length, falseAlarms: falseAlarms.length }))
process.exitCode = missed.length > 0 || falseAlarms.length > 0 ? 1 : 0
