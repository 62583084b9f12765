/** What a second writer of a log that is open in this process gets of the options that it gives. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { HiveOptions } from '../../src/index.js'
import { HiveSpanProcessor, JsonlSpanExporter, OptionsConflictError, startHive } from '../../src/index.js'
import { GrowingRedactor } from '../../src/redact/growing.js'
import { Redactor } from '../../src/redact/redact.js'
import { door } from '../kit/doors.js'
import {
  captureDiag,
  defer,
  linesOf,
  runNode,
  tempFolder,
  tempHive,
  tempReceiver,
} from '../kit/hive-support.js'

/** A second hive on the file of the first, which stays open. */
function second(t: TestContext, file: string, options: HiveOptions): void {
  const hive = startHive({ file, otlp: false, ...options })
  defer(t, () => hive.shutdown())
}

test('more redaction holds for all who write the file, from then on', async (t) => {
  captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, redact: { patterns: [/one-\d+/] } })
  const agent = hive.spawn({ agentId: 'a', name: 'a' })
  agent.log('before', { text: 'one-1 two-2', pin: '4711' })
  const said = { to: 'b', act: 'inform', subject: 'two-2' } as const
  agent.message(said)
  await hive.flush()
  second(t, file, { redact: { patterns: [{ name: 'two', pattern: /two-\d+/ }], keys: ['pin'] } })
  agent.log('after', { text: 'one-1 two-2', pin: '4711' })
  agent.message(said)
  await hive.flush()
  const lines = linesOf(file)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'before' || kind === 'after').map(({ text, pin }) => [text, pin]),
    [
      ['[redacted:custom] two-2', '4711'],
      ['[redacted:custom] [redacted:two]', '[redacted:key]'],
    ],
  )
  // The same text in the same field, which was clean before.
  const subjects = lines.filter(({ kind }) => kind === 'message').map(({ subject }) => subject)
  assert.deepEqual(subjects, ['two-2', '[redacted:two]'])
  agent.end()
  await hive.shutdown()
})

test('built-in redaction that the first switched off is on when the second wants it', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t, { otlp: false, redact: { builtin: false } })
  const agent = hive.spawn({ agentId: 'a', name: 'a' })
  agent.log('one', { password: 'hunter2' })
  second(t, file, { redact: { keys: ['pin'] } })
  agent.log('two', { password: 'hunter2', pin: '1' })
  second(t, file, { redact: { builtin: true } })
  agent.log('three', { password: 'hunter2' })
  await hive.flush()
  const [one, two, three] = ['one', 'two', 'three'].map((kind) =>
    linesOf(file).find((line) => line.kind === kind),
  )
  assert.deepEqual(
    [one?.password, two?.password, two?.pin, three?.password],
    ['hunter2', 'hunter2', '[redacted:key]', '[redacted:key]'],
  )
})

test('all that redacts, redacts more', () => {
  const methods = Object.getOwnPropertyNames(Redactor.prototype).filter((name) => name !== 'constructor')
  const redactor = new GrowingRedactor({ builtin: false })
  redactor.add({ patterns: [/x-\d/], keys: ['pin'], builtin: true })
  const results: Record<string, unknown> = {
    string: redactor.string('x-1'),
    bytes: String((redactor as unknown as { bytes?(b: Buffer): Buffer }).bytes?.(Buffer.from('x-1'))),
    isSecretKey: redactor.isSecretKey('pin'),
  }
  const expected: Record<string, unknown> = {
    string: '[redacted:custom]',
    bytes: '[redacted:custom]',
    isSecretKey: true,
  }
  for (const name of methods) assert.deepEqual([name, results[name]], [name, expected[name]])
})

test('a stricter fsync and a smaller maxFieldBytes hold from then on', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t, { otlp: false, fsync: 'no' })
  const agent = hive.spawn({ agentId: 'a', name: 'a' })
  second(t, file, { fsync: 'always', maxFieldBytes: 10 })
  agent.log('big', { text: 'x'.repeat(20) })
  await hive.flush()
  const big = linesOf(file).find(({ kind }) => kind === 'big')
  assert.equal(typeof big?.text, 'object')
  // What is stricter now is what the next is compared with.
  assert.throws(() => startHive({ file, fsync: 'everysec' }), OptionsConflictError)
  second(t, file, { fsync: 'always' })
})

test('what is the same, or not given, is no conflict; a session is the own of each', async (t) => {
  captureDiag(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const options: HiveOptions = { fsync: 'no', rotate: { maxBytes: 5e6 }, seal: { privateKey, everyMs: 500 } }
  const { hive, file } = tempHive(t, { otlp: false, sessionId: 'first', ...options })
  second(t, file, {})
  second(t, file, { rotate: { gzip: false }, seal: { everyBytes: 4 * 1024 * 1024 }, redact: {} })
  second(t, file, { ...options, seal: { privateKey: pem } })
  const other = startHive({ file, otlp: false, sessionId: 'second' })
  defer(t, () => other.shutdown())
  hive.spawn({ agentId: 'a', name: 'a' })
  other.spawn({ agentId: 'b', name: 'b' })
  const exporter = new JsonlSpanExporter({ file, sessionId: 'third' })
  defer(t, () => exporter.shutdown())
  assert.equal(new HiveSpanProcessor({ exporter }) instanceof HiveSpanProcessor, true)
  assert.equal(exporter.session, 'third')
  await hive.flush()
  const spawns = linesOf(file).filter(({ kind }) => kind === 'spawn')
  assert.deepEqual(
    spawns.map(({ session }) => session),
    ['first', 'second'],
  )
})

test('what differs otherwise is an error that names both values and who came first', async (t) => {
  captureDiag(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const { hive, file } = tempHive(t, { otlp: false, fsync: 'always', rotate: { maxBytes: 5e6 } })
  const size = readFileSync(file).length
  const cases: [HiveOptions, string, RegExp][] = [
    [
      { fsync: 'no' },
      'fsync',
      /fsync 'always' \(as given by startHive at \/.+:\d+\), and startHive at .*sharing\.test\.js:\d+ asks for 'no';/,
    ],
    [{ rotate: { maxBytes: 6e6 } }, 'rotate.maxBytes', /rotate\.maxBytes 5000000 .* asks for 6000000/],
    [
      { rotate: { gzip: true } },
      'rotate.gzip',
      /rotate\.gzip false \(by default, opened by startHive at .* asks for true/,
    ],
    [{ rotate: { maxAgeMs: 5 } }, 'rotate.maxAgeMs', /rotate\.maxAgeMs Infinity \(by default/],
    [{ seal: { everyMs: 70_000 } }, 'seal.everyMs', /60000 \(by default.* 70000/],
    [{ seal: { privateKey } }, 'seal.privateKey', /no key \(by default.* asks for key [0-9a-f]{16}/],
    [{ maxFieldBytes: 9_000 }, 'maxFieldBytes', /8192 \(by default.* 9000/],
    [{ keepIndex: true }, 'keepIndex', /keepIndex false \(by default, opened by startHive at .* 67108864/],
    [{ maxBufferBytes: 5 }, 'maxBufferBytes', /16777216 \(by default.* 5/],
    [{ redact: { builtin: false } }, 'redact.builtin', /true \(by default.* false/],
    // One that could be joined is not joined when another cannot.
    [{ maxFieldBytes: 5, redact: { keys: ['pin'] }, seal: { everyBytes: 5 } }, 'seal.everyBytes', /4194304/],
  ]
  for (const [options, option, message] of cases) {
    for (const open of [
      () => startHive({ file, otlp: false, ...options }),
      () => new JsonlSpanExporter({ file, ...options } as never),
    ]) {
      assert.throws(open, (error) => {
        assert.ok(error instanceof OptionsConflictError, `${error}`)
        assert.deepEqual(
          [error.code, error.file, error.option],
          ['ERR_HIVELOG_OPTIONS_CONFLICT', file, option],
        )
        assert.ok(error.message.startsWith(`${file} is open in this process with `))
        if (!error.message.includes('JsonlSpanExporter')) assert.match(error.message, message)
        assert.doesNotMatch(error.message, /\n/)
        return true
      })
    }
  }
  assert.equal(readFileSync(file).length, size)
  hive.spawn({ agentId: 'a', name: 'a' }).log('x', { pin: '12345678' })
  await hive.shutdown()
  assert.equal(linesOf(file).find(({ kind }) => kind === 'x')?.pin, '12345678')
  // All who asked in vain hold nothing: the file is closed, and opens with options of its own.
  const next = startHive({ file, otlp: false, fsync: 'no', seal: { privateKey } })
  await next.shutdown()
})

test('what a variable says is said as such', (t) => {
  process.env.HIVELOG_KEEP_INDEX = '1'
  defer(t, () => {
    delete process.env.HIVELOG_KEEP_INDEX
  })
  const { file } = tempHive(t, { otlp: false })
  assert.throws(
    () => startHive({ file, otlp: false, keepIndex: false }),
    /keepIndex 67108864 \(as given by HIVELOG_KEEP_INDEX\), and startHive at .* asks for false;/,
  )
})

test('an application’s own startHive adds its redaction to what hivelog/register began', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const app = join(folder, 'app.mjs')
  const index = door('index')
  writeFileSync(
    app,
    `import { startHive } from ${JSON.stringify(index)}
     const hive = startHive({ file: ${JSON.stringify(file)}, redact: { patterns: [{ name: 'ticket', pattern: /T-\\d+/ }] } })
     hive.spawn({ agentId: 'coder', name: 'Coder' }).log('mine', { text: 'see T-123' })
     await hive.shutdown()`,
  )
  const register = door('register')
  const env = { HIVELOG_FILE: file, AGENT_ID: 'app', AGENT_NAME: 'app', AGENT_SESSION_ID: 's' }
  const ran = await runNode(['--import', register, app], env)
  assert.equal(ran.code, 0, ran.stderr)
  const lines = linesOf(file)
  assert.equal(lines.find(({ kind }) => kind === 'mine')?.text, 'see [redacted:ticket]')
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'spawn').map(({ agentId }) => agentId),
    ['app', 'coder'],
  )
})
