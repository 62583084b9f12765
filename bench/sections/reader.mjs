// G. Replaying a log to its end, and other whole-log analyses, against nothing but parsing the same lines.
import { join } from 'node:path'
import { auditTrail, checkLog, costReport, replay } from '../../dist/analyse.js'
import { readLog } from '../../dist/read.js'
import { writeHiveLog } from '../lib/hive-log.mjs'
import { parseAll } from '../lib/parse-all.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const TITLE = 'G. Reading'
export default async function reader({ dir, quick }) {
  const rounds = quick ? 2 : 5
  const file = join(dir, 'reader.jsonl')
  const events = writeHiveLog(file, quick ? 100_000 : 500_000)
  const seen = (count) => {
    if (count !== events) throw new Error(`${count} of ${events} lines were read`)
  }
  const parse = { name: 'JSON.parse loop', work: () => seen(parseAll(file)) }
  const full = {
    name: 'replay, without the side index',
    work: async () => seen((await replay(file, { index: false })).seq),
  }
  const check = { name: 'checkLog', work: () => checkLog(file) }
  const contestants = [
    parse,
    full,
    {
      name: 'readLog, one await a line',
      async work() {
        let count = 0
        for await (const _ of readLog(file)) count++
        seen(count)
      },
    },
    { name: 'costReport', work: () => costReport(file, { by: 'agent' }) },
    { name: 'auditTrail', work: () => auditTrail(file) },
    check,
  ]
  const cpu = new Map(contestants.map((each) => [each, []]))
  const costs = await inRounds(contestants, rounds, async (each) => {
    const before = process.cpuUsage()
    const from = performance.now()
    await each.work()
    const took = performance.now() - from
    const { user, system } = process.cpuUsage(before)
    cpu.get(each).push((user + system) / 1000)
    return took
  })
  const speed = (each) => ratio(costs.get(parse), costs.get(each))
  const counted = (each) => cpu.get(each).slice(-rounds)
  const ofCpu = (each) => ratio(counted(parse), counted(each))
  return {
    title: TITLE,
    note: `A log of ${events} events by 200 agents, in the page cache; ${rounds} rounds.`,
    columns: ['', 'events/s', 'of the JSON.parse loop', 'by CPU time'],
    rows: contestants.map((each) => [
      each.name,
      Math.round(events / (median(costs.get(each)) / 1000)),
      speed(each).toFixed(2),
      ofCpu(each).toFixed(2),
    ]),
    targets: [
      { what: 'full replay / JSON.parse loop, by CPU time', atLeast: 0.6, measured: ofCpu(full) },
      { what: 'checkLog / JSON.parse loop, by CPU time', atLeast: 0.7, measured: ofCpu(check) },
    ],
  }
}
