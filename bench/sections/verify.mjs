// F. How fast a sealed log is verified, against nothing but hashing the same bytes.
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openJournal } from '../lib/contestants.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const VERIFY = new URL('../../dist/verify/verify.js', import.meta.url)
const TITLE = 'F. Verifying'
const MB = 1e6

async function writeLog(file, bytes) {
  const { journal, write, finish, close } = openJournal(file)
  const perEvent = 260
  for (let i = 0; i < bytes / perEvent; ) {
    for (const end = i + 1000; i < end; i++) write(i)
    await nextTurn()
  }
  finish()
  await close()
  return journal.seq
}

function hashAll(files) {
  const block = Buffer.allocUnsafe(1024 * 1024)
  let bytes = 0
  for (const file of files) {
    const hash = createHash('sha256')
    const fd = openSync(file, 'r')
    for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
      hash.update(block.subarray(0, got))
      bytes += got
    }
    closeSync(fd)
    hash.digest('hex')
  }
  return bytes
}

export default async function verify({ dir, quick }) {
  if (!existsSync(VERIFY))
    return { title: TITLE, note: 'SKIPPED: dist/verify/verify.js is not there.', targets: [] }
  const { verifyLog } = await import(VERIFY)
  const rounds = quick ? 2 : 3
  const file = join(dir, 'verify.jsonl')
  const lastSeq = await writeLog(file, (quick ? 100 : 500) * MB)
  const files = readdirSync(dir)
    .filter((name) => /^verify\..*jsonl$/.test(name))
    .map((name) => join(dir, name))
  const bytes = hashAll(files)
  const rate = async (work) => {
    const from = performance.now()
    await work()
    return bytes / MB / ((performance.now() - from) / 1000)
  }
  const ours = {
    name: 'verifyLog',
    async work() {
      const report = await verifyLog(file)
      if (!report.ok || report.lastSeq !== lastSeq)
        throw new Error(`verifyLog: ${JSON.stringify(report.findings)}`)
    },
  }
  const bare = { name: 'sha256 alone', work: async () => hashAll(files) }
  const rates = await inRounds([ours, bare], rounds, (each) => rate(each.work))
  return {
    title: TITLE,
    note: `A sealed log of ${Math.round(bytes / MB)} MB in ${files.length} segment(s), in the page cache; ${rounds} rounds.`,
    columns: ['', 'MB/s', 'of sha256'],
    rows: [ours, bare].map((each) => [
      each.name,
      Math.round(median(rates.get(each))),
      ratio(rates.get(each), rates.get(bare)).toFixed(2),
    ]),
    targets: [{ what: 'verifyLog, MB/s', atLeast: 500, measured: median(rates.get(ours)) }],
  }
}
