/** Puts one decision beside a log as soon as a file is there, and says what came of it. */
import { existsSync } from 'node:fs'
import { putDecision } from '../../src/decide/decisions.js'

const [log, id, by, approve, start] = process.argv.slice(2) as [string, string, string, string, string]
process.stdout.write('ready\n')
while (!existsSync(start)) {
  // All begin in the same moment, and the loop asks again at once.
}
const put = putDecision(log, { id, approve: approve === 'yes', by, via: 'cli', ts: Date.now() })
process.stdout.write(`${JSON.stringify(put)}\n`)
