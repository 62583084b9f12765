/**
 * Records without ever giving the event loop a turn. Arguments: file, least milliseconds, least bytes.
 * Prints `begin`, then `end` with, as JSON, what it saw meanwhile. Run with `--expose-gc`.
 */
import { statSync, writeSync } from 'node:fs'
import { Journal } from '../../src/journal/journal.js'
import { append } from '../kit/journal-kit.js'

const [file = '', ms = '', bytes = ''] = process.argv.slice(2)
const used = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const journal = new Journal({ file, session: 's-1' })
const pad = 'x'.repeat(500)
for (let n = 0; n < 20_000; n++) append(journal, { n, pad })
journal.write()
const before = used()
const sizeBefore = statSync(file).size
let appended = 20_000
let grown = 0
let size = sizeBefore
let most = 0
const end = Date.now() + Number(ms)
writeSync(1, 'begin\n')
while (Date.now() < end || size - sizeBefore < Number(bytes)) {
  for (let n = 0; n < 1_000; n++, appended++) append(journal, { n: appended, pad })
  const sizeNow = statSync(file).size
  if (sizeNow > size) grown++
  size = sizeNow
  if (appended % 10_000 === 0) most = Math.max(most, used() - before)
}
writeSync(1, `end ${JSON.stringify({ appended, grown, bytes: size - sizeBefore, most })}\n`)
await journal.close()
