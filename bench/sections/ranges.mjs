// N. Questions about a minute of a log, or about few of its kinds: with the side index, and without.
import { closeSync, openSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { auditTrail, replay } from '../../dist/analyse.js'
import { hiveBatches } from '../../dist/read.js'
import { FIRST_TS, writeRareLog } from '../lib/hive-log.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const TITLE = 'N. Side index, times and kinds'
const SEGMENT = 64 * 1024 * 1024
/** After so long the times of a file tell that it is the one that was indexed. */
const SETTLED_MS = 2500

export default async function ranges({ dir, quick }) {
  const rounds = quick ? 2 : 4
  const events = quick ? 400_000 : 4_000_000
  const file = join(dir, 'ranges.jsonl')
  writeRareLog(file, events, { snapshotAt: events - 1010 })
  const archive = join(dir, 'archive.jsonl')
  writeArchive(file, archive)
  await sleep(SETTLED_MS)
  const made = {}
  for (const log of [file, archive]) {
    const from = performance.now()
    await replay(log)
    made[log] = performance.now() - from
  }
  const minute = { since: FIRST_TS + 7 * (events / 2), until: FIRST_TS + 7 * (events / 2) + 60_000 }
  const count = async (log, options, expected) => {
    let found = 0
    for await (const items of hiveBatches(log, options)) found += items.length
    if (Math.abs(found - expected) > 1) throw new Error(`${found} of ${expected} lines were found`)
  }
  const questions = [
    { name: 'a minute of the middle', ask: (log) => count(log, minute, 60_000 / 7) },
    {
      name: 'a kind that is nearly nowhere',
      ask: (log) => count(log, { select: { kinds: ['snapshot'] } }, 1),
    },
    {
      name: 'a kind that is everywhere',
      ask: (log) => count(log, { select: { kinds: ['escalate'] } }, events / 200),
    },
    { name: 'audit', ask: (log) => auditTrail(log) },
  ]
  const contestants = questions.flatMap(({ name, ask }) =>
    [file, archive].flatMap((log) =>
      [true, false].map((isIndexed) => ({ name, log, isIndexed, ask: () => ask(log) })),
    ),
  )
  const times = await inRounds(contestants, rounds, async ({ log, isIndexed, ask }) => {
    const index = `${log}.index`
    if (!isIndexed) renameSync(index, `${index}.aside`)
    try {
      const before = process.cpuUsage()
      await ask()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    } finally {
      if (!isIndexed) renameSync(`${index}.aside`, index)
    }
  })
  const of = (name, log, isIndexed) =>
    times.get(
      contestants.find((each) => each.name === name && each.log === log && each.isIndexed === isIndexed),
    )
  const ms = (values) => median(values).toFixed(1)
  const less = (name, log) => ratio(of(name, log, false), of(name, log, true))
  const rows = questions.flatMap(({ name }) =>
    [file, archive].map((log) => [
      name,
      log === file ? 'one file' : 'gzip',
      ms(of(name, log, false)),
      ms(of(name, log, true)),
      `${less(name, log).toFixed(1)} x`,
    ]),
  )
  const size = Math.round(statSync(file).size / 1024 / 1024)
  const seconds = (log) => (made[log] / 1000).toFixed(1)
  return {
    title: TITLE,
    note: `A log of ${events} events (${size} MiB), in the page cache; ${rounds} rounds. The archive is of segments of 64 MiB. Making the index took ${seconds(file)} and ${seconds(archive)} s.`,
    columns: ['', 'log', 'CPU without index, ms', 'with, ms', 'less'],
    rows,
    targets: questions.slice(0, 2).flatMap(({ name }) =>
      [file, archive].map((log) => ({
        what: `${name}, ${log === file ? 'one file' : 'gzip'}: without index / with`,
        atLeast: 10,
        measured: less(name, log),
      })),
    ),
  }
}

/** The same lines in compressed segments, and a live file without any. */
function writeArchive(from, log) {
  const fd = openSync(from, 'r')
  const buffer = Buffer.alloc(SEGMENT)
  let ordinal = 1
  let prev
  const opening = () =>
    `${JSON.stringify({ ts: FIRST_TS, kind: 'log.open', format: 1, segment: ordinal++, prev })}\n`
  for (let position = 0; ; ) {
    const length = readSync(fd, buffer, 0, SEGMENT, position)
    if (length === 0) break
    const bytes = buffer.subarray(0, buffer.lastIndexOf(10, length - 1) + 1)
    const { seq } = JSON.parse(bytes.subarray(0, bytes.indexOf(10)))
    const name = log.replace(/\.jsonl$/, `.${String(seq).padStart(12, '0')}.jsonl`)
    writeFileSync(`${name}.gz`, gzipSync(Buffer.concat([Buffer.from(opening()), bytes]), { level: 1 }))
    prev = { file: name }
    position += bytes.length
  }
  closeSync(fd)
  writeFileSync(log, opening())
}
