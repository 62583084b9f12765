/**
 * Records on a disk that is full and ends. Arguments: file, how many events, way to end (`exit`, `end`, `SIGTERM`).
 * Prints `recorded` and how many events were given a `seq`.
 */
import { writeSync } from 'node:fs'
import { Journal } from '../../src/journal/journal.js'
import { append } from '../kit/journal-kit.js'

const [file = '', events = '', way = ''] = process.argv.slice(2)
const journal = new Journal({ file, session: 's-1', maxBufferBytes: 64 * 1024 })
let taken = 0
for (let n = 0; n < Number(events); n++) if (append(journal, { n, pad: 'x'.repeat(900) }) > 0) taken++
writeSync(1, `recorded ${taken}\n`)
if (way === 'exit') process.exit(0)
if (way === 'SIGTERM') {
  process.kill(process.pid, 'SIGTERM')
  setInterval(() => {}, 1_000)
}
