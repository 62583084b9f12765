/** Waits for a flush, and for a durable line, while the disk fails for a moment. Arguments: file, fsync policy. */
import { writeSync } from 'node:fs'
import { Journal } from '../../src/journal/journal.js'
import { append } from '../kit/journal-kit.js'

const [file = '', fsync = ''] = process.argv.slice(2)
let brokenUntil = 0
const journal = new Journal({
  file,
  session: 's-1',
  fsync: fsync as 'no',
  calls: {
    writeSync(fd, buffer, offset, length) {
      if (performance.now() < brokenUntil)
        throw Object.assign(new Error('EIO: injected, write'), { code: 'EIO' })
      return writeSync(fd, buffer, offset, length)
    },
  },
})

brokenUntil = performance.now() + 100
append(journal)
await journal.flush()
writeSync(1, 'flushed\n')
brokenUntil = performance.now() + 100
const seq = append(journal)
await journal.durable(seq)
writeSync(1, 'durable\n')
