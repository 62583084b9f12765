/** A state that is packed and taken apart again is the state that it was, whatever stood in the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packer, pack, unpack } from '../../src/analyse/side-index/packed.js'
import type { HiveEvent } from '../../src/format/kinds.js'
import { HiveModel } from '../../src/model/model.js'
import { cases, seedOfRun } from '../kit/long-run.js'

const name = fc.constantFrom(
  'a',
  'b',
  'c',
  'god',
  'human',
  'broadcast',
  'zoë',
  '\x7f',
  'no one\n',
  '🐝',
  '\ud83d',
)
/** Where the length of a text is written in another way, and what may be taken for the end of such a length. */
const long = fc
  .tuple(fc.constantFrom(124, 125, 126, 127, 128, 1000), fc.constantFrom('x', '1;', '\0\x7f', 'é'))
  .map(([length, part]) => part.repeat(length).slice(0, length))
const text = fc.oneof(name, fc.string({ maxLength: 12 }), long, fc.constantFrom(7, null, true, ['x']))
/** As it comes back from a file. */
const throughBytes = (packed: string): string => Buffer.from(packed).toString()
/** JSON has no word for -0. */
const positive = (value: number): number => value + 0
const time = fc.oneof(
  fc.integer({ min: 0, max: 2_000_000_000_000 }),
  fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }).map(positive),
)
const event = fc.record(
  {
    kind: fc.constantFrom(
      'message',
      'message',
      'message',
      'spawn',
      'drain',
      'escalate',
      'usage',
      'exit',
      'role',
    ),
    ts: time,
    agentId: name,
    name: text,
    from: text,
    to: name,
    id: text,
    act: text,
    subject: text,
    role: text,
    parent: text,
    pid: fc.integer(),
    isGod: fc.boolean(),
    requiresReply: fc.boolean(),
    delivered: fc.oneof(fc.constant(true), fc.array(name, { maxLength: 3 })),
    count: fc.nat(3),
    inputTokens: fc.nat(9999),
    costUsd: fc.double({ min: 0, max: 5, noNaN: true }).map(positive),
    status: fc.constantFrom('ok', 'error'),
  },
  { requiredKeys: ['kind', 'ts'] },
)

test('the state comes back, with all that going on from it needs', () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 120, size: 'max' }),
      fc.array(event, { maxLength: 20 }),
      (events, more) => {
        const model = new HiveModel()
        let seq = 0
        const feed = (each: object, ...models: HiveModel[]): void => {
          seq++
          for (const one of models) one.add({ event: { ...each, seq } as unknown as HiveEvent, seq })
        }
        for (const each of events) feed(each, model)
        const again = new HiveModel({}, unpack(throughBytes(pack(model))))
        assert.deepEqual(again.state(), model.state())
        // Messages that are made when they are needed, and only then.
        const lazy = new HiveModel({}, unpack(throughBytes(pack(model))))
        for (const each of more) feed(each, model, lazy)
        assert.deepEqual(lazy.view('newest'), model.view('newest'))
        assert.deepEqual(lazy.state(), model.state())
      },
    ),
    { numRuns: cases(2000, 80), seed: seedOfRun() },
  )
})

test('a state is packed the same, whatever states of the hive were packed before it', () => {
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 40 }), { maxLength: 6, size: 'max' }), (parts) => {
      const model = new HiveModel()
      const packer = new Packer()
      let seq = 0
      for (const [i, part] of parts.entries()) {
        for (const each of part) model.add({ event: { ...each, seq: ++seq } as unknown as HiveEvent, seq })
        if (i % 3 === 1) packer.news(model, i)
        else assert.equal(packer.whole(model), pack(model))
      }
    }),
    { numRuns: cases(1000, 40), seed: seedOfRun() },
  )
})

test('decisions that are forgotten, made again or escalated anew are packed as they are', () => {
  const model = new HiveModel({ maxDecided: 7 })
  const packer = new Packer()
  let seq = 0
  const add = (kind: string, fields: object): void => {
    seq++
    model.add({ event: { kind, ts: seq, seq, ...fields } as unknown as HiveEvent, seq })
  }
  for (let i = 0; i < 60; i++) {
    const ids = [`e-${i}`, i % 5 === 0 ? `\x7f${i}` : `"${i}"`, `e-${i - 3}`]
    for (const id of i % 4 === 0 ? ids : ids.slice(0, 2)) add('escalate', { from: 'a', to: 'human', id })
    for (const id of i % 7 === 0 ? [] : ids.slice(0, 2)) add('approval', { id, approve: true })
    const text = packer.news(model, 9)
    const { decided } = JSON.parse(text.slice(0, text.indexOf('\n'))).carry?.escalations ?? {}
    const told = typeof decided === 'string' ? decided.split('\x7f') : decided
    assert.deepEqual(told, model.escalations.carry().decided)
  }
  assert.equal(model.escalations.carry().decided?.length, 7)
})
