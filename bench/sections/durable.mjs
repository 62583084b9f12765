// E. Events a second that are known to be on the disk: agents that each wait for their event before the next one.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../lib/contestants.mjs'
import { objectOf } from '../lib/event.mjs'
import { removeLog } from '../lib/files.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const AGENTS = [1, 16, 256]

async function journalRate(agents, ms, file) {
  const { journal, write, close } = openJournal(file, { fsync: 'always' })
  const from = performance.now()
  let done = 0
  const agent = async () => {
    while (performance.now() - from < ms) {
      await journal.durable(write(done))
      done++
    }
  }
  await Promise.all(Array.from({ length: agents }, agent))
  const rate = (done / (performance.now() - from)) * 1000
  await close()
  removeLog(file)
  return rate
}

function syncRate(ms, file) {
  const fd = openSync(file, 'a')
  const from = performance.now()
  let done = 0
  while (performance.now() - from < ms) {
    writeSync(fd, `${JSON.stringify(objectOf(done))}\n`)
    fdatasyncSync(fd)
    done++
  }
  const rate = (done / (performance.now() - from)) * 1000
  closeSync(fd)
  removeLog(file)
  return rate
}

export default async function durable({ dir, quick }) {
  const rounds = quick ? 2 : 5
  const ms = quick ? 300 : 800
  const file = join(dir, 'durable.jsonl')
  const bare = { name: 'one writeSync + fdatasyncSync per event', run: () => syncRate(ms, file) }
  const ours = AGENTS.map((agents) => ({
    name: `hivelog journal, fsync 'always', ${agents} ${agents === 1 ? 'agent' : 'agents'}`,
    run: () => journalRate(agents, ms, file),
  }))
  const contestants = [bare, ...ours]
  const rates = await inRounds(contestants, rounds, (each) => each.run())
  return {
    title: 'E. Durable events a second',
    note: `${rounds} rounds of ${ms} ms each; every agent awaits journal.durable(seq) before its next event.`,
    columns: ['writer', 'durable events/s', 'times'],
    rows: contestants.map((each) => [
      each.name,
      Math.round(median(rates.get(each))),
      ratio(rates.get(each), rates.get(bare)).toFixed(2),
    ]),
    targets: [],
  }
}
