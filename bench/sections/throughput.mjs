// A. What one event costs, when nothing but events is recorded: bursts of 1000, then a turn of the event loop.
import { join } from 'node:path'
import {
  openAppendFileSync,
  openJournal,
  openNowhere,
  openPino,
  openSonicBoom,
  openWriteSync,
} from '../lib/contestants.mjs'
import { countLines, removeLog } from '../lib/files.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const BURST = 1000
const OURS = 'hivelog journal, with redaction'

/** `share`: of the events of a round, for those who would take too long. */
const CONTESTANTS = [
  { name: OURS, open: (file) => openJournal(file) },
  { name: 'hivelog journal, bare', open: (file) => openJournal(file, { bare: true }) },
  { name: 'appendFileSync per event', open: openAppendFileSync, share: 0.1 },
  { name: 'writeSync per event', open: openWriteSync, share: 0.25 },
  { name: 'sonic-boom async', open: (file) => openSonicBoom(file, { sync: false }) },
  { name: 'sonic-boom sync', open: (file) => openSonicBoom(file, { sync: true }), share: 0.25 },
  { name: 'pino async', open: (file) => openPino(file, { sync: false }) },
  { name: 'pino sync', open: (file) => openPino(file, { sync: true }), share: 0.25 },
  { name: 'JSON.stringify, no I/O', open: openNowhere, writesNothing: true },
]

async function measure(contestant, events, file) {
  const n = Math.ceil((events * (contestant.share ?? 1)) / BURST) * BURST
  const writer = await contestant.open(file)
  const { write } = writer
  const cpu = process.cpuUsage()
  const from = performance.now()
  for (let i = 0; i < n; ) {
    for (const end = i + BURST; i < end; i++) write(i)
    await writer.turn()
  }
  await writer.finish()
  const elapsed = ((performance.now() - from) * 1e6) / n
  const { user, system } = process.cpuUsage(cpu)
  if (!contestant.writesNothing) check(contestant, file, writer.journal, n)
  await writer.close()
  removeLog(file)
  return { elapsed, cpu: ((user + system) * 1e3) / n }
}

function check({ name }, file, journal, n) {
  const lines = countLines(file)
  // The journal's own lines, its seals say, are in the count.
  const expected = journal?.seq ?? n
  if (lines !== expected || expected < n)
    throw new Error(`${name}: ${lines} lines in the file instead of ${expected}`)
}

export default async function throughput({ dir, quick }) {
  const rounds = quick ? 3 : 7
  const events = quick ? 80_000 : 150_000
  const costs = await inRounds(CONTESTANTS, rounds, (each) =>
    measure(each, events, join(dir, 'throughput.jsonl')),
  )
  const of = (name, what) =>
    costs.get(CONTESTANTS.find((each) => each.name === name)).map((cost) => cost[what])
  const times = (name, what = 'elapsed') => ratio(of(name, what), of(OURS, what))
  return {
    title: 'A. Throughput',
    note:
      `${rounds} rounds of ${events} events (slow writers: a part of that), bursts of ${BURST} between turns of the event ` +
      'loop; until all is in the file, not synced. "times hivelog" is the median of the ratios within each round. CPU: of the whole process, threads included.',
    columns: ['writer', 'ns/event', 'events/s', 'times hivelog', 'CPU ns/event', 'times hivelog'],
    rows: CONTESTANTS.map(({ name }) => {
      const ns = median(of(name, 'elapsed'))
      const cpu = median(of(name, 'cpu')).toFixed(0)
      return [
        name,
        ns.toFixed(0),
        Math.round(1e9 / ns),
        times(name).toFixed(2),
        cpu,
        times(name, 'cpu').toFixed(2),
      ]
    }),
    targets: [
      {
        what: 'appendFileSync / journal, time per event',
        atLeast: 6,
        measured: times('appendFileSync per event'),
      },
      { what: 'sonic-boom async / journal', atLeast: 3, measured: times('sonic-boom async') },
      { what: 'pino async / journal', atLeast: 3, measured: times('pino async') },
      { what: 'JSON.stringify / journal', atLeast: 0.75, measured: times('JSON.stringify, no I/O') },
    ],
  }
}
