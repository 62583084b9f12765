/** Records at a pace that readers can keep up with, until it is killed. Arguments: file, options of the journal as JSON. */
import { Journal } from '../../src/journal/journal.js'
import { append, padOf, pause } from '../kit/journal-kit.js'

const [file = '', options = '{}'] = process.argv.slice(2)
const journal = new Journal({ file, session: 's-1', ...JSON.parse(options) })
for (let n = 0; ; await pause(5)) {
  for (let i = 0; i < 50; i++, n++) append(journal, { n, pad: padOf(1, n) })
  // However slow the disk is, no more waits than one round.
  await journal.flush()
}
