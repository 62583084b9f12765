/** Event to line: every line is JSON that says what the event said, in the order of the format. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeLine } from '../../src/format/decode.js'
import { encodeLine, encodeTail, partFields } from '../../src/format/encode.js'
import { type Fields, readField, readFields, setField } from '../../src/format/fields.js'
import { ENVELOPE_FIELDS, type Envelope, FIELD_ORDER, type KnownKind } from '../../src/format/kinds.js'
import { LineBytes } from '../../src/format/line-bytes.js'
import { quote, toPlain } from '../../src/format/quote.js'
import { cases } from '../kit/long-run.js'

const NUM_RUNS = cases(2_000, 2_000)
/** UTF-16 units of any value, so halves of surrogate pairs too. */
const anyString = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff }), fc.nat(0x7f)),
    {
      maxLength: 80,
    },
  )
  .map((units) => String.fromCharCode(...units))
const name = fc.string({ minLength: 1 }).filter((text) => !ENVELOPE_FIELDS.has(text) && text !== '__proto__')

type Tail = Omit<Envelope, 'seq'>

function line(ts: number, kind: string, fields: Fields, seq: number, tail: Tail = { session: 's' }): string {
  // Small, so that it has to grow in all places.
  const bytes = new LineBytes(Buffer.alloc(1))
  encodeLine(bytes, ts, kind, fields, seq, encodeTail(tail), tail.checkpoint)
  return bytes.buffer.toString('utf8', 0, bytes.length)
}

test('bytes are those of the JSON text, for every string and number, in a buffer of any size', () => {
  const put = (size: number, what: (line: LineBytes) => void): string => {
    const bytes = new LineBytes(Buffer.alloc(size))
    bytes.text('<')
    what(bytes)
    bytes.text('>')
    return bytes.buffer.toString('utf8', 0, bytes.length)
  }
  const number = fc.oneof(
    fc.nat(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(anyString, number, fc.integer({ min: 1, max: 200 }), (text, value, size) => {
      assert.equal(
        put(size, (line) => line.quoted(text)),
        `<${JSON.stringify(text)}>`,
      )
      assert.equal(
        put(size, (line) => line.number(value)),
        `<${value}>`,
      )
      assert.equal(
        put(size, (line) => line.bytes(Buffer.from(text))),
        `<${Buffer.from(text)}>`,
      )
    }),
    { numRuns: NUM_RUNS },
  )
  for (let unit = 0; unit <= 0xffff; unit++) {
    const char = String.fromCharCode(unit)
    const long = `${'x'.repeat(60)}${char}`
    const got = put(8, (line) => line.quoted(char)) + put(8, (line) => line.quoted(long))
    if (got !== `<${JSON.stringify(char)}><${JSON.stringify(long)}>`) assert.fail(`unit ${unit}`)
  }
  for (let power = 1; power <= 1e16; power *= 10) {
    for (const value of [power - 1, power, power + 1, 0x7fffffff, 0x80000000]) {
      assert.equal(
        put(1, (line) => line.number(value)),
        `<${value}>`,
      )
    }
  }
})

test('quote is JSON.stringify for every string', () => {
  fc.assert(
    fc.property(anyString, (text) => {
      assert.equal(quote(text), JSON.stringify(text))
    }),
    { numRuns: NUM_RUNS },
  )
  for (let unit = 0; unit <= 0xffff; unit++) {
    const char = String.fromCharCode(unit)
    const long = `${'x'.repeat(60)}${char}`
    if (quote(char) !== JSON.stringify(char) || quote(long) !== JSON.stringify(long))
      assert.fail(`unit ${unit}`)
  }
})

test('a decoded line is the event that was encoded, for all JSON values', () => {
  const event = fc.record({
    ts: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    kind: fc.stringMatching(/^[a-z][a-z0-9_.-]{0,20}$/),
    fields: fc.dictionary(name, fc.oneof(fc.jsonValue(), anyString)),
    seq: fc.integer({ min: 1 }),
    session: anyString,
    checkpoint: fc.option(fc.nat(), { nil: undefined }),
  })
  fc.assert(
    fc.property(event, ({ ts, kind, fields, seq, session, checkpoint }) => {
      const ids = { trace: '0a'.repeat(16), span: '0b'.repeat(8) }
      const envelope = { session, ...(checkpoint !== undefined && { checkpoint }), ...ids }
      const text = line(ts, kind, fields, seq, envelope)
      assert.ok(text.endsWith('\n'))
      assert.equal(text.indexOf('\n'), text.length - 1, 'one line')
      const decoded = decodeLine(text.slice(0, -1))
      // JSON has no negative zero.
      const expected = JSON.parse(JSON.stringify({ ts, kind, ...fields, seq, ...envelope }))
      assert.deepEqual(decoded, { event: expected })
    }),
    { numRuns: NUM_RUNS },
  )
})

test('a line is as JSON.stringify would write it: ts, kind, the fields in order, seq, the envelope', () => {
  const fields = { from: 'a', to: 'b', n: 1.5, yes: true, none: undefined, list: [1, 'x'], deep: { a: null } }
  const envelope = { session: 's "1"', checkpoint: 0, trace: 't', span: 'p' }
  const text = line(1_700_000_000_000, 'message', fields, 7, envelope)
  assert.equal(
    text,
    `${JSON.stringify({ ts: 1_700_000_000_000, kind: 'message', ...fields, seq: 7, ...envelope })}\n`,
  )
})

test('what is not there is left out: fields, checkpoint, trace', () => {
  assert.equal(line(1, 'a', { x: undefined }, 1), '{"ts":1,"kind":"a","seq":1,"session":"s"}\n')
  const half = line(1, 'a', {}, 1, { session: 's', trace: 't' })
  assert.equal(half, '{"ts":1,"kind":"a","seq":1,"session":"s"}\n', 'a trace without a span')
})

test('a time is whole, and one that is none is now', () => {
  assert.match(line(1.9, 'a', {}, 1), /^\{"ts":1,/)
  assert.match(line(-1.9, 'a', {}, 1), /^\{"ts":-1,/)
  for (const ts of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const before = Date.now()
    const { ts: written } = JSON.parse(line(ts, 'a', {}, 1))
    assert.ok(written >= before && written <= Date.now())
  }
})

test('more names of fields than are remembered are written right', () => {
  for (let i = 0; i < 3_000; i++) {
    assert.equal(JSON.parse(line(1, 'a', { [`name "${i}"`]: i }, 1))[`name "${i}"`], i)
  }
})

test('the fields of a known kind come in the format’s order, and others apart', () => {
  const kinds = Object.keys(FIELD_ORDER) as KnownKind[]
  const shuffled = fc
    .constantFrom(...kinds)
    .chain((kind) => fc.tuple(fc.constant(kind), fc.shuffledSubarray([...FIELD_ORDER[kind]] as string[])))
  fc.assert(
    fc.property(
      shuffled,
      fc.dictionary(fc.constantFrom('extra', 'toString', '__proto__'), fc.nat()),
      ([kind, names], more) => {
        const fields: Fields = {}
        for (const each of names) fields[each] = each
        for (const each of Object.keys(more)) setField(fields, each, more[each])
        const { own, others } = partFields(kind, fields)
        const order: readonly string[] = FIELD_ORDER[kind]
        assert.deepEqual(
          Object.keys(own),
          order.filter((each) => names.includes(each)),
        )
        assert.deepEqual(Object.keys(others ?? {}).sort(), Object.keys(more).sort())
      },
    ),
  )
  assert.deepEqual(partFields('tool', { agentId: 'a', name: null, ok: undefined }), {
    own: { agentId: 'a' },
    others: undefined,
  })
})

test('a field of any name can be set and read', () => {
  const fields: Fields = {}
  setField(fields, '__proto__', { polluted: true })
  setField(fields, 'constructor', 1)
  assert.deepEqual(Object.keys(fields), ['__proto__', 'constructor'])
  assert.equal(Object.getPrototypeOf(fields), Object.prototype)
  assert.equal(readField(null, 'x'), undefined)
  assert.equal(readField('text', 'length'), undefined, 'text is no object')
  const throwing = {
    get x() {
      throw new Error('no')
    },
    y: null,
    z: 0,
  }
  assert.deepEqual(readFields({}, throwing, ['x', 'y', 'z', 'w']), { x: '[unserializable: no]', z: 0 })
})

const asItIs = { string: (text: string) => text, key: () => undefined }

test('a plain value is a JSON value that says the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(toPlain(value, asItIs), value)
    }),
    { numRuns: NUM_RUNS },
  )
})

test('anything at all becomes a JSON value', () => {
  const odd = fc.oneof(
    fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
    fc.func(fc.nat()),
    fc.constant(Symbol('s')),
    fc.constant(new Error('e', { cause: new Error('c') })),
  )
  fc.assert(
    fc.property(odd, (value) => {
      const json = JSON.stringify(toPlain({ value }, asItIs))
      assert.equal(typeof json, 'string')
      assert.deepEqual(toPlain(JSON.parse(json), asItIs), JSON.parse(json))
    }),
    { numRuns: NUM_RUNS },
  )
})

for (const [what, value, plain] of [
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['a date that is none', new Date(Number.NaN), null],
  ['a big number', 2n ** 65n, '36893488147419103232'],
  ['not a number', Number.NaN, 'NaN'],
  ['a function', () => 1, '[function]'],
  ['a symbol', Symbol('x'), '[symbol]'],
  ['an error', new RangeError('too far'), { name: 'RangeError', message: 'too far' }],
  ['a map with names', new Map([['a', { b: 1 }]]), { a: { b: 1 } }],
  ['a map with other keys', new Map<unknown, unknown>([[1, 'x']]), [[1, 'x']]],
  ['a set', new Set([1, 'x']), [1, 'x']],
  ['bytes', new Uint8Array(3), '[binary, 3 bytes]'],
  ['undefined in a list', [undefined, 1], [null, 1]],
  ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
  ['an object that tells its JSON', { toJSON: () => ({ a: [1n] }) }, { a: ['1'] }],
] as const) {
  test(`as a plain value, ${what} is ${JSON.stringify(plain)}`, () => {
    assert.deepEqual(toPlain(value, asItIs), plain)
  })
}

test('circles and depth end', () => {
  const circle: unknown[] = []
  circle.push({ circle })
  assert.deepEqual(toPlain(circle, asItIs), [{ circle: '[circular]' }])
  const twice = { x: 1 }
  assert.deepEqual(toPlain([twice, twice], asItIs), [{ x: 1 }, { x: 1 }], 'the same twice is no circle')
  let deep: unknown = 'bottom'
  for (let i = 0; i < 10_000; i++) deep = [deep]
  assert.match(JSON.stringify(toPlain(deep, asItIs)), /^\[{32}"\[too deep\]"\]{32}$/)
})

/** Objects that fight back. */
const HOSTILE: Record<string, () => unknown> = {
  'a proxy that throws at everything': () =>
    new Proxy(
      {},
      new Proxy(
        {},
        {
          get: () => () => {
            throw new Error('trap')
          },
        },
      ),
    ),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'a getter that throws': () =>
    Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('no')
      },
    }),
  'a getter that throws nothing': () =>
    Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw undefined
      },
    }),
  'a toJSON that makes new objects for ever': () => {
    const endless = (): unknown => ({ toJSON: endless })
    return endless()
  },
  'a toJSON that gives itself': () => {
    const self: Record<string, unknown> = { a: 1 }
    self.toJSON = () => self
    return self
  },
  'a toJSON that throws': () => ({
    toJSON() {
      throw new Error('no')
    },
  }),
  'a list whose map lies': () => Object.assign([1, 2], { map: () => 2n }),
  'a list of a class whose lists are none': () =>
    new (class extends Array<number> {
      static override get [Symbol.species](): ArrayConstructor {
        return Object as unknown as ArrayConstructor
      }
    })(3),
  'an error whose message is a symbol': () => Object.assign(new Error(), { message: Symbol('m') }),
  'a thrown error whose message throws': () => ({
    get x() {
      throw Object.defineProperty(new Error(), 'message', {
        get() {
          throw new Error('again')
        },
      })
    },
  }),
  'a thrown error whose message is a symbol': () => ({
    get x() {
      throw Object.assign(new Error(), { message: Symbol('m') })
    },
  }),
  'a map whose iterator throws': () => {
    const map = new Map()
    map[Symbol.iterator] = () => {
      throw new Error('no')
    }
    return map
  },
  'own keys of an object’s own methods': () => ({
    hasOwnProperty: 1,
    toString: 2,
    valueOf: null,
    constructor: 3,
  }),
}

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`${what} does not throw, and becomes JSON`, () => {
    for (const value of [make(), [make()], { deep: { value: make() } }]) {
      const json = JSON.stringify(toPlain(value, asItIs))
      assert.doesNotThrow(() => JSON.parse(json))
    }
  })
}

test('a key named __proto__ stays a key', () => {
  const value = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":1}}')
  const plain = toPlain(value, asItIs) as object
  assert.equal(JSON.stringify(plain), '{"__proto__":{"polluted":true},"a":{"__proto__":1}}')
  assert.equal(Object.getPrototypeOf(plain), Object.prototype)
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  assert.equal(line(1, 'a', plain as Fields, 2).includes('"__proto__":{"polluted":true}'), true)
})
