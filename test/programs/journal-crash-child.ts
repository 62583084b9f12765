/**
 * Records until it is killed, and prints the `seq` of every line that it was told is on disk.
 * Arguments: file, life, seed, options of the journal as JSON.
 */
import { writeSync } from 'node:fs'
import { Journal } from '../../src/journal/journal.js'
import { append, padOf, randomFrom, turn } from '../kit/journal-kit.js'

const [file = '', life = '', seed = '', options = '{}'] = process.argv.slice(2)
const random = randomFrom(Number(seed))
const acknowledge = (seq: number): void => {
  writeSync(1, `${seq}\n`)
}

const journal = new Journal({ file, session: 's-1', fsync: 'always', ...JSON.parse(options) })
writeSync(1, 'open\n')
for (let n = 0; ; ) {
  let seq = 0
  // Now and then a turn so full that its lines take several writes, and the kill can fall between or into them.
  const count = random() < 0.05 ? 2_000 : 1 + Math.floor(random() * 40)
  for (let i = 0; i < count; i++, n++)
    seq = append(journal, { life: Number(life), n, pad: padOf(Number(life), n) })
  const how = random()
  if (how < 0.3) {
    await journal.durable(seq)
    acknowledge(seq)
  } else if (how < 0.6) {
    await journal.flush()
    acknowledge(seq)
  } else {
    journal.durable(seq).then(() => acknowledge(seq))
    await turn()
  }
}
