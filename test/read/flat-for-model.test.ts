/** Events that are read for the model alone have all that it looks at: it comes to the same state as from whole ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pricer } from '../../src/analyse/cost/call-cost.js'
import type { HiveEvent } from '../../src/format/kinds.js'
import { HiveModel } from '../../src/model/model.js'
import { FlatReader } from '../../src/read/flat.js'
import { isMalformed, type LogEntry } from '../../src/read/items.js'
import { ItemReader } from '../../src/read/lines.js'
import { cases } from '../kit/long-run.js'

const START = { offset: 0, line: 0, count: 0 }

/** Kinds that hives have, ours and others'; and some that nobody knows. */
const kinds = fc.constantFrom(
  ...[
    'spawn',
    'message',
    'drain',
    'escalate',
    'approval',
    'tool',
    'usage',
    'call',
    'snapshot',
    'exit',
    'note',
  ],
  ...[
    'call',
    'snapshot',
    'note',
    'archive',
    'role',
    'session',
    'drop',
    'agent-hold',
    'app-start',
    'terminal-handoff',
    'rooms',
  ],
  ...['log.open', 'log.gap', 'log.close', 'log.seal', 'log.other', 'human-answer'],
)
const agents = fc.constantFrom('a', 'b', 'god', 'human', 'broadcast')
const texts = fc.constantFrom(
  'x',
  'y',
  'ok',
  'error',
  'killed',
  's-1',
  's-2',
  'claude-sonnet-4-5',
  'anthropic',
)
const field = (name: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<[string, unknown]> =>
  values.map((value) => [name, value])
const fields = fc.oneof(
  ...['agentId', 'from', 'to'].map((name) => field(name, agents)),
  ...['id', 'inReplyTo', 'conversation'].map((name) =>
    field(name, fc.constantFrom('m-1', 'm-2', 'm-3', 'e-1')),
  ),
  ...['act', 'subject', 'session', 'trace', 'span', 'model', 'provider', 'task', 'responseId', 'error'].map(
    (name) => field(name, texts),
  ),
  ...['host', 'method', 'path', 'status', 'name', 'toolCallId', 'parent', 'role'].map((name) =>
    field(name, texts),
  ),
  ...['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'ms', 'ttftMs'].map((name) =>
    field(name, fc.nat(2000)),
  ),
  ...['argsBytes', 'resultBytes', 'checkpoint', 'seq', 'count', 'status', 'lost'].map((name) =>
    field(name, fc.nat(3)),
  ),
  ...['requiresReply', 'ok', 'approve', 'isGod'].map((name) => field(name, fc.boolean())),
  field('costUsd', fc.constantFrom(0, 0.25, 1.5)),
  field('ids', fc.array(fc.constantFrom('m-1', 'm-2', 'm-3'), { maxLength: 2 })),
)
const lines = fc
  .array(fc.tuple(kinds, fc.array(fields, { minLength: 2, maxLength: 14 })), { minLength: 10, maxLength: 80 })
  .map((given) =>
    given.map(([kind, more], i) =>
      JSON.stringify({ ts: 1_787_386_000_000 + i, kind, ...Object.fromEntries(more) }),
    ),
  )

function read(given: readonly string[], reader: ItemReader): LogEntry[] {
  const items = reader.push(Buffer.from(given.map((line) => `${line}\n`).join('')))
  return [...items, ...reader.end()].map((item) => {
    if (isMalformed(item)) throw new Error(item.reason)
    return item
  })
}

const stateOf = (entries: readonly LogEntry[]): unknown => {
  const model = new HiveModel({ price: pricer() })
  for (const entry of entries) model.add(entry)
  return model.state()
}

/** The event, which notes the names that anybody asks it for. */
const watched = (event: HiveEvent, asked: Set<string>): HiveEvent =>
  new Proxy(event, {
    get: (target, name) => {
      asked.add(String(name))
      return Reflect.get(target, name)
    },
  })

test('the same state, and each field that the model asks for', () => {
  const runs = cases(4000, 400)
  let left = 0
  fc.assert(
    fc.property(lines, (given) => {
      const whole = read(given, new ItemReader('f', START, {}))
      const brief = read(given, new FlatReader('f', START, {}, { warm: 0, isForModel: true }))
      assert.deepEqual(stateOf(brief), stateOf(whole))
      const asked = whole.map(() => new Set<string>())
      stateOf(whole.map((entry, i) => ({ ...entry, event: watched(entry.event, asked[i] as Set<string>) })))
      for (const [i, { event }] of whole.entries()) {
        const given = event as unknown as Record<string, unknown>
        const had = brief[i]?.event as unknown as Record<string, unknown>
        for (const name of asked[i] as Set<string>)
          assert.deepEqual(had[name], given[name], `${event.kind} ${name}`)
        left += Object.keys(given).filter((name) => had[name] === undefined).length
      }
    }),
    { numRuns: runs },
  )
  // Else this would compare whole events.
  assert.ok(left > 20 * runs, `${left} fields were left out`)
})
