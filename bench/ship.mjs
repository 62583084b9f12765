// node bench/ship.mjs [--quick] [--only CALLS,INGEST,SHIPPERS,VISIBLE,COLLECTOR,RECORDS,OTLP] [--dir FOLDER] [--json]
//
// What sending logs costs, and what the server carries, for docs/fleet.md: real processes on the loopback, each section
// with its targets and OK or MISS. Ends by itself; some minutes, with --quick one or two. Measures dist/, so build first.
// Exit code 0, also where a target is missed; 1 when a section could not be measured.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from './lib/machine.mjs'
import { isMet, table } from './lib/report.mjs'

/** All of it takes a quarter of this. */
const LONGEST_MS = 20 * 60_000

const SECTIONS = {
  CALLS: 'calls',
  INGEST: 'ingest',
  SHIPPERS: 'shippers',
  VISIBLE: 'visible',
  COLLECTOR: 'collector',
  RECORDS: 'records',
  OTLP: 'otlp',
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(SECTIONS).join() },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
})
const names = values.only.toUpperCase().split(',')
const unknown = names.find((name) => SECTIONS[name] === undefined)
if (unknown !== undefined) {
  console.error(`ship: no section ${unknown}; there are ${Object.keys(SECTIONS).join(', ')}`)
  process.exit(2)
}
const work = mkdtempSync(join(values.dir, 'hivelog-bench-ship-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
setTimeout(() => {
  console.error(`ship: not done after ${LONGEST_MS / 60_000} minutes`)
  process.exit(1)
}, LONGEST_MS).unref()

function verdict({ what, atLeast, atMost, measured }) {
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`
  return [what, bound, measured.toFixed(2), isMet({ atLeast, atMost, measured }) ? 'OK' : 'MISS']
}

const sections = []
let code = 0
for (const name of names) {
  const folder = mkdtempSync(join(work, `${name.toLowerCase()}-`))
  console.error(`ship: ${name}`)
  try {
    const { default: section } = await import(`./ship/${SECTIONS[name]}.mjs`)
    sections.push(await section({ work: folder, quick: values.quick }))
  } catch (error) {
    code = 1
    sections.push({ title: name, failure: error.stack })
  }
  rmSync(folder, { recursive: true, force: true })
}
const here = machine(work)
if (values.json) console.log(JSON.stringify({ machine: here, sections }))
else {
  console.log('# Shipping\n')
  for (const [name, value] of Object.entries(here)) console.log(`- ${name}: ${value}`)
  for (const { title, note, columns, rows, targets = [], skipped, failure } of sections) {
    console.log(`\n## ${title}\n`)
    if (failure !== undefined) console.log(`FAILED: ${failure}`)
    if (skipped !== undefined) console.log(`skipped: ${skipped}`)
    if (note !== undefined) console.log(`${note}\n`)
    if (rows !== undefined) console.log(table(columns, rows))
    if (targets.length > 0)
      console.log(`\n${table(['what', 'target', 'measured', ''], targets.map(verdict))}`)
  }
}
process.exit(code)
