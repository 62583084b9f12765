// R. Redaction of one string: what every string of every event costs, and hostile ones. The other side is one reading
// of the same string by `JSON.stringify`, or with HIVELOG_BENCH_AGAINST=FOLDER the redaction of another build, whose
// dist/ that is.
import { pathToFileURL } from 'node:url'
import { Redactor } from '../../dist/redact/redact.js'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const PROSE =
  'The planner asked the coder to look at the build, and the reviewer said that the tests of the parser pass: 41 of them. '
const KIB = 1024

/** Flat in memory, as a string that came from elsewhere is. */
const fill = (unit, length) =>
  Buffer.from(unit.repeat(Math.ceil(length / unit.length)).slice(0, length)).toString()

function noise(length) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  let state = 7
  let text = ''
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    text += letters[state >>> 26]
  }
  return text
}

function json(length) {
  const steps = []
  for (let i = 0; JSON.stringify(steps).length < length; i++) {
    steps.push({ id: `step-${i}`, name: `Review src/journal/file${i}.ts`, done: i % 2 === 0, ms: i * 17 })
  }
  return JSON.stringify({ kind: 'plan', steps })
}

const ORDINARY = {
  'subject, 59 B': 'Review of src/journal is done: two findings, none severe..',
  'name, 4 B': 'lead',
  'id, 11 B': '9c41d07e-1a',
  'JSON, 2 KiB': json(2 * KIB),
  'prose, 8 KiB': fill(PROSE, 8 * KIB),
  'base64 of noise, 8 KiB': noise(8 * KIB),
  'base64 of prose, 8 KiB': Buffer.from(fill(PROSE, 6 * KIB)).toString('base64'),
}
const HOSTILE = [
  '--token :',
  'Authorization:',
  '"',
  '\\',
  '\\"',
  '=',
  'password=',
  'YWJjZGVm ',
  '%3D',
  'password: |\n',
]

/** Nanoseconds for one redaction, of so many that it takes a millisecond. */
function timeOf(redact, text, budget) {
  const times = Math.max(1, Math.ceil(budget / (text.length + 20)))
  const from = performance.now()
  for (let i = 0; i < times; i++) redact(text)
  return ((performance.now() - from) * 1e6) / times
}

async function other() {
  const folder = process.env.HIVELOG_BENCH_AGAINST
  if (folder === undefined) return { name: 'JSON.stringify', redact: (text) => JSON.stringify(text) }
  const { Redactor: Other } = await import(new URL('redact/redact.js', pathToFileURL(`${folder}/`)).href)
  const redactor = new Other()
  return { name: 'the other build', redact: (text) => redactor.string(text) }
}

export default async function redactSection({ quick }) {
  const redactor = new Redactor()
  const ours = { name: 'redaction', redact: (text) => redactor.string(text) }
  const against = await other()
  const rounds = quick ? 5 : 15
  const rows = []
  const perKib = new Map()
  const measure = async (label, text, budget) => {
    const costs = await inRounds([ours, against], rounds, ({ redact }) => timeOf(redact, text, budget))
    const [mine, theirs] = [costs.get(ours), costs.get(against)]
    rows.push([label, median(mine).toFixed(0), median(theirs).toFixed(0), ratio(mine, theirs).toFixed(2)])
    return median(mine)
  }
  for (const [label, text] of Object.entries(ORDINARY)) await measure(label, text, 200_000)
  for (const unit of HOSTILE) {
    for (const size of [8, 64]) {
      const cost = await measure(`${JSON.stringify(unit)} repeated, ${size} KiB`, fill(unit, size * KIB), 1)
      perKib.set(`${unit} ${size}`, cost / size)
    }
  }
  const growth = Math.max(...HOSTILE.map((unit) => perKib.get(`${unit} 64`) / perKib.get(`${unit} 8`)))
  return {
    title: `R. Redaction of one string, and ${against.name}`,
    note: `${rounds} rounds, medians; the ratio is the median of those within a round.`,
    columns: ['ns a string', 'redaction', against.name, 'ratio'],
    rows,
    targets: [
      {
        what: 'the slowest hostile text, µs a KiB',
        atMost: 400,
        measured: Math.max(...perKib.values()) / 1000,
      },
      { what: 'growth of the time a KiB from 8 to 64 KiB', atMost: 2, measured: growth },
    ],
  }
}
