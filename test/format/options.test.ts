/** Options are checked at the door: a name that is none, a value that cannot be, is one line that says what can. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import {
  auditTrail,
  callReport,
  checkLog,
  commitLog,
  costReport,
  diffLogs,
  exportLog,
  rebuildSpans,
  replay,
  visitLog,
  waitReport,
} from '../../src/analyse.js'
import { HiveSpanProcessor, JsonlSpanExporter, OptionsError, startHive } from '../../src/index.js'
import { Journal } from '../../src/journal/journal.js'
import { followLog, readLog, tailLog, verifyLog } from '../../src/read.js'
import { captureDiag, defer, tempFolder, tempHive, tempReceiver } from '../kit/hive-support.js'

type Given = Record<string, unknown>

/** The message of the one line that `call` is refused with. */
async function refusal(call: () => unknown): Promise<string> {
  let message: string | undefined
  await assert.rejects(
    async () => {
      await call()
    },
    (error) => {
      assert.ok(error instanceof OptionsError, `${error}`)
      assert.equal(error.code, 'ERR_HIVELOG_OPTIONS')
      assert.match(error.message, /^[\x20-\x7e…]{10,400}$/)
      message = error.message
      return true
    },
  )
  return message as string
}

test('a word that is none: which ones there are', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const line = (who: string) => `${who}: fsync: 'everySec' is not possible; use 'always', 'everysec' or 'no'`
  const options = { file, fsync: 'everySec' as never }
  assert.equal(await refusal(() => startHive(options)), line('startHive'))
  assert.equal(await refusal(() => new JsonlSpanExporter(options)), line('JsonlSpanExporter'))
  assert.equal(await refusal(() => new Journal({ ...options, session: 's' })), line('Journal'))
})

test('a name that is none: the one that was meant, else all', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const cases: [Given, string][] = [
    [{ fsink: 'always' }, '`fsink` is no option of startHive; did you mean `fsync`?'],
    [
      { rotate: { maxByte: 5 } },
      '`rotate.maxByte` is no option of startHive; did you mean `rotate.maxBytes`?',
    ],
    [
      { redact: { pattern: [] } },
      '`redact.pattern` is no option of startHive; did you mean `redact.patterns`?',
    ],
    [{ git: { everyms: 5 } }, '`git.everyms` is no option of startHive; did you mean `git.everyMs`?'],
    [{ otlp: { uri: 'http://x' } }, '`otlp.uri` is no option of startHive; did you mean `otlp.url`?'],
    [
      { rotate: { zzzzzz: 5 } },
      '`rotate.zzzzzz` is no option of startHive; there are `rotate.maxBytes`, `rotate.maxAgeMs`, `rotate.gzip`',
    ],
    [{ __proto__x: 1, '\u001b]52;c': 2 }, ''],
    [{ constructor: 1 }, ''],
    [{ toString: 'x' }, ''],
  ]
  for (const [options, line] of cases) {
    const told = await refusal(() => startHive({ file, ...options }))
    if (line !== '') assert.equal(told, line)
    else assert.match(told, /is no option of startHive/)
  }
})

/** Values that each option of a hive must refuse. */
const WRONG: Record<string, unknown[]> = {
  file: ['', 5, true, null, {}],
  sessionId: ['', 5, null],
  fsync: ['', 'Always', 5, true, null],
  'rotate.maxBytes': [0, -1, Number.NaN, -Infinity, '5', null, 5n],
  'rotate.maxAgeMs': [0, -1, Number.NaN, '5m'],
  'rotate.gzip': ['yes', 1, null],
  rotate: [5, 'daily', null, [], true],
  'seal.everyBytes': [0, Number.NaN, '4MiB'],
  'seal.everyMs': [0, -5, Number.NaN, '60s'],
  'seal.privateKey': [5, {}, true],
  seal: [true, 'x'],
  redact: [true, false, 'password', []],
  'redact.patterns': ['x', /x/, ['x'], [{ pattern: /x/ }], [{ name: 'x', pattern: 'x' }], [null]],
  'redact.keys': ['password', [5], [/x/], ['']],
  'redact.builtin': ['no', 0],
  maxFieldBytes: [-1, Number.NaN, Infinity, '8k'],
  maxBufferBytes: [0, -1, Number.NaN, Infinity, '16M'],
  maxEventsPerSpan: [0, -1, Number.NaN, '100'],
  maxSpanAgeMs: [0, -1, Number.NaN, '5m'],
  shutdownTimeoutMs: [-1, Number.NaN, '5s'],
  recover: ['yes', 1],
  serviceName: ['', 5],
  resourceAttributes: ['x', [], { a: {} }, { a: () => 1 }],
  otlp: ['http://localhost:4318', 5, null],
  'otlp.url': ['localhost:4318', '', 5, 'ftp://x', 'http://'],
  'otlp.headers': ['a=b', { a: 5 }, []],
  sampler: ['always_on', {}, 0.5],
  spanProcessors: [{}, [{}], 'x'],
  tracerProvider: [{}, 'x', true],
  git: [true, false, 'x', 60_000],
  'git.everyMs': [0, -1, Number.NaN, '1m'],
  'git.shutdownTimeoutMs': [0, Number.NaN],
  'git.timeoutMs': [0, 'x'],
  'git.segments': ['live', true],
  'git.paths': ['.', [5]],
  'git.artifacts': ['no'],
  'git.message': [5, {}],
}

test('every option of startHive refuses what it cannot be, and no file is touched', async (t) => {
  const folder = tempFolder(t)
  for (const [path, values] of Object.entries(WRONG)) {
    const [name = '', inner] = path.split('.')
    for (const value of values) {
      const options = {
        file: join(folder, 'hive.jsonl'),
        [name]: inner === undefined ? value : { [inner]: value },
      }
      const told = await refusal(() => startHive(options as never))
      assert.ok(told.startsWith(`startHive: ${path}: `), `${path} ${String(value)}: ${told}`)
      assert.match(told, / is not possible; use .{4,}$/)
    }
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('a hive takes no options that are no object, and none that cannot be read', async (t) => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const throwing = {
    get fsync(): never {
      throw new Error('no')
    },
  }
  for (const options of [null, 'hive.jsonl', 5, [], proxy, throwing]) {
    await refusal(() => startHive(options as never))
  }
  assert.equal(existsSync('hive.jsonl'), false)
  const folder = tempFolder(t)
  await refusal(() => new HiveSpanProcessor(undefined as never))
  await refusal(() => new HiveSpanProcessor({} as never))
  await refusal(() => new HiveSpanProcessor({ exporter: {} } as never))
  const exporter = new JsonlSpanExporter({ file: join(folder, 'hive.jsonl') })
  await refusal(() => new HiveSpanProcessor({ exporter, eager: true } as never))
  await exporter.shutdown()
})

test('no secret stands in a message', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const key = 'hunter2hunter2'
  for (const options of [
    { otlp: { headers: key } },
    { otlp: { headers: { a: [key] } } },
    { seal: { privateKey: [key] } },
  ]) {
    assert.doesNotMatch(await refusal(() => startHive({ file, ...options } as never)), /hunter2/)
  }
})

test('what is possible is taken: undefined, the ends of ranges, times that no timer can wait', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const told = captureDiag(t)
  const receiver = await tempReceiver(t)
  const overflows: string[] = []
  const onWarning = ({ name }: Error) => overflows.push(name)
  process.on('warning', onWarning)
  defer(t, () => process.off('warning', onWarning))
  const { hive, file } = tempHive(t, {
    sessionId: undefined as never,
    fsync: 'always',
    rotate: { maxBytes: Infinity, maxAgeMs: Infinity, gzip: false },
    seal: { everyBytes: Infinity, everyMs: Infinity, privateKey },
    redact: { patterns: [/x-\d+/, { name: 'n', pattern: /y-\d+/y }], keys: ['pin'], builtin: true },
    maxFieldBytes: 0,
    maxBufferBytes: 1,
    maxEventsPerSpan: Infinity,
    maxSpanAgeMs: 2 ** 40,
    shutdownTimeoutMs: Infinity,
    otlp: { url: receiver.url, headers: {} },
    resourceAttributes: { a: 1, b: 'x', c: true },
    recover: true,
  })
  hive.spawn({ agentId: 'a', name: 'a' }).end()
  await hive.shutdown()
  assert.equal(existsSync(file), true)
  assert.deepEqual(told, [], 'a time of Infinity is not over at once')
  assert.deepEqual(overflows, [])
})

test('every function on a log says what it takes', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'a', name: 'a' }).end()
  await hive.shutdown()
  const calls: [string, (options: never) => unknown, Given[]][] = [
    [
      'readLog',
      (o) => readLog(file, o),
      [{ segment: true }, { from: '1' }, { to: -1 }, { maxLineBytes: 0 }, { text: 'x' }],
    ],
    ['tailLog', (o) => tailLog(file, 1, o), [{ filtr: 1 }, { filter: /x/ }]],
    [
      'followLog',
      (o) => followLog(file, o),
      [
        { poll: 5 },
        { pollMs: 0 },
        { pollMs: Number.NaN },
        { from: 'begin' },
        { from: { last: -1 } },
        { from: { first: 1 } },
        { cursor: { name: 'x', onLost: 'skip' } },
        { signal: {} },
      ],
    ],
    ['verifyLog', (o) => verifyLog(file, o), [{ key: 'x' }, { publicKey: 5 }, { onProgress: true }]],
    [
      'replay',
      (o) => replay(file, o),
      [{ upTo: 5 }, { at: -1 }, { at: 1.5 }, { time: 'now' }, { index: 'no' }, { indexSpacing: 0 }],
    ],
    [
      'visitLog',
      (o) => visitLog(file, o, async () => true),
      [{ from: 5 }, { to: { seq: 'x' } }, { until: {} }],
    ],
    [
      'diffLogs',
      (o) => diffLogs(file, file, o),
      [{ context: -1 }, { context: 1001 }, { maxEvents: 0 }, { ignore: [] }, { keepFields: 'ts' }],
    ],
    [
      'auditTrail',
      (o) => auditTrail(file, o),
      [{ agents: 'x' }, { context: 101 }, { pending: 1 }, { limit: 0 }],
    ],
    ['costReport', (o) => costReport(file, o), [{ by: 'agents' }, { per: 'agent' }, { prices: [] }]],
    ['callReport', (o) => callReport(file, o), [{ by: 'hosts' }, { maxKeys: -1 }]],
    ['waitReport', (o) => waitReport(file, o), [{ by: 'x' }, { max: 5 }]],
    ['checkLog', (o) => checkLog(file, o), [{ rule: {} }, { closed: 'yes' }, { maxFindings: -1 }]],
    [
      'rebuildSpans',
      (o) => rebuildSpans(file, o),
      [{ trace: 'x' }, { maxEventsPerSpan: 0 }, { sessions: 'x' }],
    ],
    [
      'exportLog',
      (o) => exportLog(file, o),
      [{ otlp: true }, { exporter: {} }, { missingIn: { url: 'x' } }, { missingIn: { uri: 'x' } }],
    ],
    [
      'commitLog',
      (o) => commitLog(file, o),
      [{ paths: '.' }, { everyMs: 5 }, { timeoutMs: 0 }, { segments: 'x' }],
    ],
  ]
  for (const [name, call, wrongs] of calls) {
    for (const wrong of [...wrongs, null, 'x'] as unknown[]) {
      const told = await refusal(() => call(wrong as never))
      assert.ok(told.includes(name), `${name} ${JSON.stringify(wrong)}: ${told}`)
    }
  }
})

test('a wrong environment variable is a warning, and the default holds', async (t) => {
  const folder = tempFolder(t)
  const wrong: Record<string, string> = {
    OTEL_SPAN_EVENT_COUNT_LIMIT: 'many',
    OTEL_BSP_MAX_QUEUE_SIZE: '-5',
    OTEL_TRACES_EXPORTER: 'otpl',
    OTEL_TRACES_SAMPLER: 'sometimes',
    TRACEPARENT: '00-abc',
    OTEL_SDK_DISABLED: 'perhaps',
  }
  for (const [name, value] of Object.entries(wrong)) {
    const before = process.env[name]
    process.env[name] = value
    defer(t, () => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:9'
    const told = captureDiag(t)
    const hive = startHive({ file: join(folder, `${name}.jsonl`), shutdownTimeoutMs: 1_000 })
    assert.ok(
      told.some((line) => line.includes(name) && line.includes(value)),
      `${name}: ${told}`,
    )
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
    delete process.env[name]
    await hive.shutdown()
  }
})

test('a hive that cannot start keeps no lock', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const sampler = {
    shouldSample: () => ({ decision: 2 }),
    toString(): never {
      throw new Error('no')
    },
  }
  const broken = {
    get getTracer(): () => never {
      return () => {
        throw new Error('no tracer')
      }
    },
  }
  assert.throws(() => startHive({ file, tracerProvider: broken as never }), /no tracer/)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 512 })
  assert.throws(() => startHive({ file, seal: { privateKey } }), { name: 'LogOpenError' })
  const bad = { name: 'x', pattern: Object.create(/x/) }
  await refusal(() => startHive({ file, redact: { patterns: [bad] } }))
  const { hive } = tempHive(t, { file, sampler: sampler as never })
  assert.equal(dirname(hive.file as string), folder)
  await hive.shutdown()
  writeFileSync(join(folder, 'done'), '')
})
