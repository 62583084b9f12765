/** A log long enough for a second thread: what its index answers is what walking through its events does. */
import assert from 'node:assert/strict'
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { indexLog } from '../../src/analyse/index-log.js'
import { replay } from '../../src/analyse/replay.js'
import { StateReducer } from '../../src/analyse/state/reducer.js'
import { FlatThread } from '../../src/read/flat-thread.js'
import type { HiveEvent } from '../../src/read.js'
import { indexedFolder } from '../kit/indexing.js'

const EVENTS = 20_000
const TEXT = 'what nobody has to look at '.repeat(40)

function eventOf(i: number): object {
  const head = { ts: 1_700_000_000_000 + 10 * i, kind: 'message', seq: i + 1 }
  const agentId = `agent-${i % 40}`
  if (i < 40) return { ...head, kind: 'spawn', agentId, name: agentId }
  if (i % 11 === 0) return { ...head, kind: 'drain', agentId, count: 3 }
  // No line that is taken apart.
  if (i % 13 === 0) return { ...head, kind: 'escalate', agentId, id: `ask-${i}`, subject: 'wäit', more: {} }
  if (i % 17 === 0) return { ...head, kind: 'usage', agentId, model: 'm', inputTokens: i, costUsd: i / 8 }
  return {
    ...head,
    from: agentId,
    to: [`agent-${(i * 7) % 40}`],
    id: `m-${i}`,
    subject: `number ${i}`,
    path: TEXT,
  }
}

test('the index of a long log', async (t) => {
  const file = join(indexedFolder(t), 'hive.jsonl')
  const lines = Array.from({ length: EVENTS }, (_, i) => JSON.stringify(eventOf(i)))
  // Nobody can take these apart.
  lines.splice(7000, 0, 'no event', `{"ts":1,"kind":"note","text":"${'x'.repeat(200_000)}"}`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const pieces = t.mock.method(FlatThread.prototype, 'pieces')
  const { states, trouble } = await indexLog(file)
  assert.equal(pieces.mock.callCount(), 1)
  assert.equal(trouble, undefined)
  assert.ok(states > 10, `${states} states`)

  const reducer = new StateReducer()
  const ends = [1, 6900, 7100, 13_000, EVENTS - 1200, EVENTS]
  for await (const line of createInterface(createReadStream(file))) {
    if (line === 'no event') {
      reducer.malformed()
      continue
    }
    const event = JSON.parse(line) as HiveEvent
    const seq = (event as { seq?: number }).seq ?? 7002
    reducer.apply(event, seq)
    if (event.kind === 'note' || seq !== ends[0]) continue
    ends.shift()
    assert.deepEqual(await replay(file, { at: seq }), reducer.state(), `at ${seq}`)
  }
  assert.deepEqual(ends, [])
})
