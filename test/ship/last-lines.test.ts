/** What is written until the end is told is sent, also what comes while the sender looks whether there is more. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Sender } from '../../src/ship/copy-sender.js'
import { LogShipper } from '../../src/ship/log-shipper.js'
import { tempFolder } from '../kit/hive-support.js'

const line = (kind: string, seq: number): string =>
  `${JSON.stringify({ ts: 1_787_386_181_194 + seq, kind, format: 1, segment: 1, seq, session: 's-1' })}\n`

test('the end may come at any step of a look', async (t) => {
  const folder = tempFolder(t)
  for (let steps = 0; steps < 120; steps++) {
    const file = join(folder, `hive-${steps}.jsonl`)
    // Every tenth has no line before the end: the sender waits for its first.
    writeFileSync(file, steps % 10 === 9 ? '' : line('log.open', 1))
    const sent: Buffer[] = []
    const senderFor = (): Sender => {
      let offset = 0
      const at = async () => ({ segment: 1, offset })
      return {
        shipped: { file, log: 'l', session: 's-1', bytes: 0, seq: 0, artifacts: 0 },
        begin: at,
        position: at,
        send: async ({ bytes, end }) => {
          sent.push(bytes)
          offset = end.offset
          return end
        },
      }
    }
    const options = { flushMs: 1, maxBytes: 1 << 20, once: false, holds: true, isOthers: false }
    const shipper = new LogShipper(file, options, senderFor)
    const running = shipper.run(new AbortController().signal)
    const begun = performance.now()
    while (performance.now() - begun < steps % 20) await new Promise(setImmediate)
    for (let i = 0; i < steps % 7; i++) await new Promise(setImmediate)
    appendFileSync(file, steps % 10 === 9 ? line('log.open', 1) + line('note', 2) : line('note', 2))
    shipper.finish()
    await running
    assert.equal(Buffer.concat(sent).toString(), readFileSync(file, 'utf8'), `after ${steps} steps`)
  }
})
