// H. Questions that few lines of a log answer, against parsing all of them: in this process, and as whole processes.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { auditTrail, callReport, costReport, waitReport } from '../../dist/analyse.js'
import { hiveBatches, readLog } from '../../dist/read.js'
import { lastHundredth, RARE_TRACE, writeRareLog } from '../lib/hive-log.mjs'
import { parseAll } from '../lib/parse-all.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const TITLE = 'H. Selection'
const MAIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const LOOP = fileURLToPath(new URL('../lib/parse-all.mjs', import.meta.url))

export default async function select({ dir, quick }) {
  const rounds = quick ? 2 : 4
  const events = quick ? 200_000 : 800_000
  const file = join(dir, 'select.jsonl')
  writeRareLog(file, events)
  const expect = (count, oneIn) => {
    if (Math.abs(count - events / oneIn) > 1)
      throw new Error(`${count} of ${events / oneIn} lines were found`)
  }
  const cat = async (selection, oneIn) => {
    let count = 0
    for await (const _ of readLog(file, { select: selection })) count++
    expect(count, oneIn)
  }
  const since = lastHundredth(events)
  const catSince = async () => {
    let count = 0
    for await (const items of hiveBatches(file, { since })) count += items.length
    expect(count, 100)
  }
  const iso = new Date(since).toISOString()
  const audit = async () => {
    const { escalations, approvals } = await auditTrail(file)
    expect(escalations + approvals, 100)
  }
  /** What is asked, in code and as a command, and how much faster than the loop it is to be. */
  const questions = [
    { args: ['audit'], target: 10, ask: audit },
    { args: ['cat', '--trace', RARE_TRACE], target: 10, ask: () => cat({ traces: [RARE_TRACE] }, 100) },
    {
      args: ['cat', '--kind', 'escalate', '--kind', 'approval'],
      target: 10,
      ask: () => cat({ kinds: ['escalate', 'approval'] }, 100),
    },
    { args: ['cat', '--since', iso], target: 10, ask: catSince },
    {
      args: ['cost', '--since', iso],
      target: 10,
      ask: async () => expect((await costReport(file, { since })).total.calls, 2000),
    },
    { args: ['calls'], target: 10, ask: async () => expect((await callReport(file)).total.calls, 100) },
    { args: ['waits'], target: 10, ask: async () => expect((await waitReport(file)).total.waits, 100) },
    { args: ['cost'], target: 5, ask: async () => expect((await costReport(file)).total.calls, 20) },
  ]
  const loop = { ask: () => expect(parseAll(file), 1) }
  const contestants = [loop, ...questions]
  const cpu = new Map(contestants.map((each) => [each, []]))
  const inside = await inRounds(contestants, rounds, async (each) => {
    const before = process.cpuUsage()
    const from = performance.now()
    await each.ask()
    const took = performance.now() - from
    const { user, system } = process.cpuUsage(before)
    cpu.get(each).push((user + system) / 1000)
    return took
  })
  const outside = await inRounds(contestants, quick ? 1 : 2, ({ args }) => {
    const from = performance.now()
    const command = args === undefined ? [LOOP, file] : [MAIN, ...args, file]
    const { status, stderr } = spawnSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] })
    // An audit that finds something wrong ends with 1.
    if (status !== 0 && status !== 1) throw new Error(`${args ?? LOOP}: ${status} ${stderr}`)
    return performance.now() - from
  })
  const counted = (each) => cpu.get(each).slice(-rounds)
  const name = ({ args }) =>
    args === undefined ? 'JSON.parse loop' : args.join(' ').replace(RARE_TRACE, 'T').replace(iso, 'TIME')
  const times = (value) => `${value.toFixed(1)} x`
  return {
    title: TITLE,
    note: `A log of ${events} events, in the page cache; ${rounds} rounds. 1 % of the lines matter, to the cost 5 %.`,
    columns: ['', 'ms', 'faster than the loop', 'by CPU time', 'whole process, ms', 'faster'],
    rows: contestants.map((each) => [
      name(each),
      Math.round(median(inside.get(each))),
      times(ratio(inside.get(loop), inside.get(each))),
      times(ratio(counted(loop), counted(each))),
      Math.round(median(outside.get(each))),
      times(ratio(outside.get(loop), outside.get(each))),
    ]),
    targets: questions.map((each) => ({
      what: `${name(each)} / JSON.parse loop`,
      atLeast: each.target,
      measured: ratio(inside.get(loop), inside.get(each)),
    })),
  }
}
