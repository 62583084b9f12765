/** Fields made fit to be written: redacted, plain, of bounded size, and named so that they cannot pass for others. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeLine, encodeTail } from '../../src/format/encode.js'
import { ENVELOPE_FIELDS } from '../../src/format/kinds.js'
import { LineBytes } from '../../src/format/line-bytes.js'
import { type RedactOptions, Redactor } from '../../src/redact/redact.js'
import { MAX_FIELD_BYTES, Scrubber } from '../../src/redact/scrub.js'
import { anyText } from '../kit/any-text.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { SECRETS } from '../kit/secrets.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

interface Stored {
  scrubber: Scrubber
  /** Contents by reference. */
  contents: Map<string, string>
}

function scrubber(options: RedactOptions = {}, maxFieldBytes?: number): Stored {
  const contents = new Map<string, string>()
  const store = (content: string) => {
    const ref = sha256(content)
    contents.set(ref, content)
    return { ref, bytes: Buffer.byteLength(content) }
  }
  return { scrubber: new Scrubber(new Redactor(options), store, maxFieldBytes), contents }
}

test('fields without secrets and of common size pass as they are', () => {
  const { scrubber: plain, contents } = scrubber({ builtin: false })
  const name = fc.string().filter((text) => !ENVELOPE_FIELDS.has(text))
  fc.assert(
    fc.property(fc.dictionary(name, fc.jsonValue(), { noNullPrototype: true }), (fields) => {
      assert.deepEqual(plain.custom(fields), fields)
    }),
  )
  assert.equal(contents.size, 0)
  const known = { from: 'a', to: 'b', n: 1, yes: true, none: undefined }
  assert.equal(plain.known(known), known, 'in place')
  assert.deepEqual(known, { from: 'a', to: 'b', n: 1, yes: true, none: undefined })
})

test('a field that is too big is stored whole, and its place tells the hash and the length', () => {
  const { scrubber: small, contents } = scrubber({ builtin: false }, 100)
  const text = anyText({ maxLength: 200 })
  fc.assert(
    fc.property(text, (value) => {
      for (const field of [small.known({ value }).value, small.custom({ value }).value]) {
        const bytes = Buffer.byteLength(value)
        if (bytes <= 100) assert.equal(field, value)
        else {
          assert.deepEqual(field, { ref: sha256(value), bytes })
          assert.equal(contents.get(sha256(value)), value)
        }
      }
    }),
    { numRuns: cases(1_000, 1_000) },
  )
})

test('an object that is too big is stored as JSON', () => {
  const { scrubber: small, contents } = scrubber({}, 100)
  const list = Array.from({ length: 100 }, (_, i) => i)
  const json = JSON.stringify(list)
  const ref = { ref: sha256(json), bytes: json.length }
  assert.deepEqual(small.custom({ list, little: [1] }), { list: ref, little: [1] })
  assert.deepEqual(small.known({ ids: list }), { ids: ref })
  assert.deepEqual([...contents.values()], [json])
})

test('what is stored is redacted before', () => {
  const key = `sk-ant-api03-${'aB3dE6gH9jK2mN5p'.repeat(4)}`
  const { scrubber: small, contents } = scrubber({}, 100)
  small.known({ subject: `${'long '.repeat(50)}${key}` })
  small.custom({ deep: { password: 'p4ss', list: Array.from({ length: 20 }, () => `with ${key}`) } })
  const stored = [...contents.values()].join() + small.content({ key }) + small.content(`text with ${key}`)
  assert.equal(contents.size, 2)
  assert.ok(!stored.includes(key))
  assert.ok(!stored.includes('p4ss'))
  assert.match(stored, /\[redacted:/)
})

test('secret keys lose their value at any depth, and keep their place', () => {
  const { scrubber: own } = scrubber({ keys: ['nickname'] })
  assert.deepEqual(
    own.custom({ nickname: 'Bo', list: [{ NickName: { first: 'B' } }], password: 1234, name: 'Bob' }),
    {
      nickname: '[redacted:key]',
      list: [{ NickName: '[redacted:key]' }],
      password: '[redacted:key]',
      name: 'Bob',
    },
  )
  assert.deepEqual(own.custom({ headers: new Map([['authorization', 'Bo']]) }), {
    headers: { authorization: '[redacted:key]' },
  })
})

test('what cannot give a secret away stays: whether there is one, and how many tests pass', () => {
  const { scrubber: own } = scrubber()
  const harmless = { password: null, token: false, secret: true, pass: 12, fail: 0 }
  assert.deepEqual(own.custom(harmless), harmless)
  assert.deepEqual(own.custom({ pass: 'hunter2', apiKey: undefined }), { pass: '[redacted:key]' })
})

test('more fields than a line should have, or a name as long as a text, are stored together', () => {
  const { scrubber: plain, contents } = scrubber()
  const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`f${i}`, i]))
  const json = JSON.stringify(many)
  assert.deepEqual(plain.custom(many), { fields: { ref: sha256(json), bytes: json.length } })
  const long = { ['n'.repeat(300)]: 1 }
  assert.deepEqual(Object.keys(plain.custom(long)), ['fields'])
  assert.deepEqual([...contents.values()], [json, JSON.stringify(long)])
})

test('what is no object becomes the field `value`', () => {
  const { scrubber: plain } = scrubber()
  for (const [given, value] of [
    ['text', 'text'],
    [7, 7],
    [
      [1, 2],
      [1, 2],
    ],
    [() => 1, '[function]'],
  ] as const) {
    assert.deepEqual(plain.custom(given), { value })
  }
  assert.deepEqual(plain.custom(undefined), {})
  assert.deepEqual(plain.custom(null), {})
})

test('no field can pass for the line’s own: its name gets as many _ as it takes', () => {
  const { scrubber: plain } = scrubber()
  assert.deepEqual(plain.custom({ ts: 1, seq: 2, x: 3 }), { _ts: 1, _seq: 2, x: 3 })
  assert.deepEqual(plain.custom({ ts: 1, _ts: 2, __ts: 3 }), { ___ts: 1, _ts: 2, __ts: 3 })
  const name = fc.oneof(
    fc.constantFrom(...ENVELOPE_FIELDS).chain((each) => fc.constantFrom(each, `_${each}`, `__${each}`)),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.dictionary(name, fc.nat()), (fields) => {
      const out = plain.custom(fields)
      assert.equal(Object.keys(out).length, Object.keys(fields).length, 'none is lost')
      const bytes = new LineBytes(Buffer.alloc(1))
      encodeLine(bytes, 5, 'own', out, 6, encodeTail({ session: 's' }), undefined)
      const text = bytes.buffer.toString('utf8', 0, bytes.length)
      const { ts, kind, seq, session, checkpoint, trace, span } = JSON.parse(text)
      assert.deepEqual(
        [ts, kind, seq, session, checkpoint, trace, span],
        [5, 'own', 6, 's', undefined, undefined, undefined],
      )
    }),
  )
})

test('of any kind: known ones in order with others after them, the user’s own, and none else', () => {
  const { scrubber: plain } = scrubber()
  const given = { extra: { x: 1n }, ts: 4, ok: true, name: 'grep', agentId: 'a', token: 'abc' }
  const out = plain.any('tool', given)
  assert.deepEqual(out, {
    agentId: 'a',
    name: 'grep',
    ok: true,
    extra: { x: '1' },
    _ts: 4,
    token: '[redacted:key]',
  })
  assert.deepEqual(Object.keys(out ?? {}).slice(0, 3), ['agentId', 'name', 'ok'])
  assert.deepEqual(plain.any('my.kind', { a: 1 }), { a: 1 })
  for (const kind of ['log.open', 'log.mine', 'Upper', '', '7up', 'a'.repeat(200), undefined, 5, {}]) {
    assert.equal(plain.any(kind, {}), undefined)
  }
})

test('scrubbing what is scrubbed changes nothing', () => {
  const { scrubber: plain } = scrubber({}, 200)
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.anything()), (fields) => {
      const once = plain.custom(fields)
      const json = JSON.stringify(once)
      assert.equal(JSON.stringify(plain.known(once)), json)
    }),
  )
})

test('in a log: a field of 8 KiB is in the line, one byte more is in an artifact beside it', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  const fits = 'é'.repeat(MAX_FIELD_BYTES / 2)
  agent.log('fits', { text: fits })
  agent.message({ to: 'b', act: 'inform', subject: `${fits}!` })
  await hive.shutdown()

  const [, line, message] = eventsOf(file)
  assert.ok(line && message)
  assert.equal(line.text, fits)
  const { ref, bytes } = message.subject as { ref: string; bytes: number }
  assert.equal(bytes, MAX_FIELD_BYTES + 1)
  assert.equal(ref, sha256(`${fits}!`))
  assert.equal(readFileSync(`${file}.artifacts/${ref.slice(0, 2)}/${ref}`, 'utf8'), `${fits}!`)
})

test('in a log: maxFieldBytes bounds a field, bytes of a snapshot are kept as they are', async (t) => {
  const { hive, file } = tempHive(t, { maxFieldBytes: 10 })
  const agent = hive.spawn({ agentId: 'a' })
  const bytes = Uint8Array.from([0, 255, 10, 13])
  const { ref } = agent.snapshot({ content: bytes })
  agent.wait({ resource: 'a long name', ms: 1 })
  await hive.shutdown()
  assert.deepEqual(Uint8Array.from(readFileSync(`${file}.artifacts/${ref.slice(0, 2)}/${ref}`)), bytes)
  assert.deepEqual(eventsOf(file).find(({ kind }) => kind === 'wait')?.resource, {
    ref: sha256('a long name'),
    bytes: 11,
  })
})

test('in a pair of a name and a value the name tells whether the value is a secret', () => {
  const scrubber = new Scrubber(new Redactor(), () => assert.fail())
  const scrubbed = scrubber.custom({
    headers: [
      { name: 'password', value: 'hunter2-plain' },
      { value: 'hunter3-plain', key: 'Authorization' },
      { name: 'colour', value: 'green' },
      { name: 'password', value: true },
    ],
  })
  const text = JSON.stringify(scrubbed)
  assert.ok(!text.includes('hunter'))
  assert.ok(text.includes('green'))
})

test('in a list an argument tells what the next one is, and a pair’s name its value, at any depth', () => {
  const { scrubber: given } = scrubber({ keys: ['shoeSize'] })
  const key = '[redacted:key]'
  const args = ['psql', '--password', 'hunter2', '-h', 'db', '--shoe-size', 'forty', '--verbose']
  const clean = ['psql', '--password', key, '-h', 'db', '--shoe-size', key, '--verbose']
  const pairs = [
    ['cookie', 'sid=1234'],
    ['accept', 'text/html'],
    ['x-api-key', ['one', 'two']],
    ['password', true],
    ['password', 'of', 'three'],
  ]
  const cleanPairs = [
    ['cookie', key],
    ['accept', 'text/html'],
    ['x-api-key', key],
    ['password', true],
    ['password', 'of', 'three'],
  ]
  const entries = new Map<unknown, unknown>([
    [1, 'one'],
    ['secret', 'two'],
  ])
  const fields = { args, deep: [{ args: [args] }], pairs, entries }
  const expected = {
    args: clean,
    deep: [{ args: [clean] }],
    pairs: cleanPairs,
    entries: [
      [1, 'one'],
      ['secret', key],
    ],
  }
  assert.deepEqual(given.custom(fields), expected)
  assert.deepEqual(given.custom(expected), expected, 'and again')
  assert.deepEqual(given.any('note', structuredClone(fields)), expected)
  assert.equal(given.content({ args }), JSON.stringify({ args: clean }))
  assert.deepEqual(args[2], 'hunter2', 'what was given is as it was')
})

test('no id is taken for an argument of the one before it', () => {
  const { scrubber: given } = scrubber()
  const ids = ['--token', 'm2', '--password', 'm4']
  assert.deepEqual(given.any('drain', { agentId: 'a', count: 4, ids: [...ids] }), {
    agentId: 'a',
    count: 4,
    ids,
  })
})

test('a text that was clean is clean again, and no other in its place is taken for it', () => {
  const { scrubber: one, contents } = scrubber()
  const [secret] = SECRETS.map((sample) => sample.text) as [string]
  const masked = new Redactor().string(secret)
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(one.known({ from: 'lead', subject: 'plain' }), { from: 'lead', subject: 'plain' })
    assert.deepEqual(one.known({ from: secret, subject: secret }), { from: masked, subject: masked })
    assert.deepEqual(one.known({ from: 'plain', subject: 'lead' }), { from: 'plain', subject: 'lead' })
  }
  one.lowerLimit(4)
  assert.deepEqual(one.known({ from: 'plain', subject: 'lead' }), {
    from: { ref: sha256('plain'), bytes: 5 },
    subject: 'lead',
  })
  assert.equal(contents.get(sha256('plain')), 'plain')
})

test('what was redacted is redacted again without a change, names of fields too', () => {
  const { scrubber: own } = scrubber({})
  // The name is a name and its value; masked it looks like the name of a secret.
  assert.deepEqual(own.custom({ v: { 'PwD:A': { b: 1 } } }), { v: { 'PwD:[redacted:password]': { b: 1 } } })
  const name = fc
    .tuple(
      fc.constantFrom('password', 'PwD', 'api_key', 'token', 'x'),
      fc.constantFrom(':', '=', '.', ' '),
      fc.string(),
    )
    .map((parts) => parts.join(''))
  const value = fc.oneof(fc.jsonValue(), fc.dictionary(name, fc.string(), { noNullPrototype: true }))
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (fields) => {
      const once = own.custom(fields)
      assert.deepEqual(own.custom(once), once)
    }),
    { numRuns: cases(1_000, 1_000) },
  )
})
