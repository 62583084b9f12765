/** A `log.gap` explains what is missing only where a seal vouches for it: anybody can append one. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { verifyLog } from '../../src/verify/verify.js'
import { scratch } from '../kit/reader-log.js'
import { privateKey, publicKey, SealedLog } from '../kit/sealed-log.js'

const signing = { key: privateKey }

async function kinds(file: string, key?: typeof publicKey): Promise<string[]> {
  const { findings } = await verifyLog(file, key === undefined ? {} : { publicKey: key })
  return findings.map(({ kind }) => kind)
}

/** Three segments: the second has a rejection in its middle. */
function threeSegments(t: TestContext): { log: SealedLog; second: string; from: number; to: number } {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
  log.events(3).rotate()
  const from = log.seq - 1
  log.events(2).decision('e-1', false).events(2)
  const second = log.rotate()
  const to = readFileSync(second, 'utf8').split('\n').length - 2 + from - 1
  log.events(3).seal()
  return { log, second, from, to }
}

const gap = (from: number, to: number): [string, object] => [
  'log.gap',
  { lost: 0, reason: 'a sync was refused', from, to },
]

/** The forger’s line, as one that nobody vouches for, and once the writer came back to it and sealed. */
const WHO_COMES: [string, (log: SealedLog) => void][] = [
  ['nobody comes back', () => {}],
  ['the writer comes back and seals', (log) => log.goOn().events(2).seal()],
]

for (const [who, comeBack] of WHO_COMES) {
  test(`an archived segment that was rewritten stays found: ${who}`, async (t) => {
    const { log, second, from, to } = threeSegments(t)
    const lines = readFileSync(second, 'utf8').split('\n')
    const last = JSON.parse(lines.at(-2) as string)
    const note = JSON.stringify({
      ts: last.ts,
      kind: 'message',
      from: 'a',
      to: 'b',
      seq: last.seq,
      session: 's-1',
    })
    const forged = lines.map((line) => line.replace('"approve":false', '"approve":true'))
    writeFileSync(second, [...forged.slice(0, -2), note, ''].join('\n'))
    const without = await kinds(log.file, publicKey)
    assert.deepEqual(without, ['truncated'])
    log.event(...gap(from, to))
    comeBack(log)
    assert.deepEqual(await kinds(log.file, publicKey), without)
    assert.deepEqual(await kinds(log.file), ['truncated'])
  })

  test(`a segment that was taken out of the middle, or cut, stays found: ${who}`, async (t) => {
    for (const harm of [
      (file: string) => rmSync(file),
      (file: string) =>
        writeFileSync(file, `${readFileSync(file, 'utf8').split('\n').slice(0, 4).join('\n')}\n`),
    ]) {
      const { log, second, from, to } = threeSegments(t)
      harm(second)
      const without = await kinds(log.file, publicKey)
      assert.equal(without.length, 1)
      log.event(...gap(from, to))
      comeBack(log)
      assert.deepEqual(await kinds(log.file, publicKey), without)
    }
  })

  test(`an artifact that was deleted stays found: ${who}`, async (t) => {
    for (const isAll of [true, false]) {
      const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
      const path = log.artifact('the question')
      if (!isAll) log.artifact('another')
      log.seal()
      rmSync(isAll ? `${log.file}.artifacts` : path, { recursive: true })
      const ref = path.slice(-64)
      log.event('log.gap', { lost: 0, reason: 'disk full', artifact: ref, from: 2, to: 2 })
      comeBack(log)
      assert.deepEqual(await kinds(log.file, publicKey), ['artifact-missing'])
      assert.deepEqual(await kinds(log.file), ['artifact-missing'])
    }
  })
}

test('lines under no seal yet may be lost, as the line behind them says, and so may their artifacts', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
  log.events(3).seal()
  log.seq += 4
  log.event(...gap(log.seq - 3, log.seq))
  const path = log.artifact('the plan')
  rmSync(path)
  log.event('log.gap', { lost: 0, reason: 'disk full', artifact: path.slice(-64) })
  for (const go of [() => {}, () => log.goOn(), () => log.events(1).seal()]) {
    go()
    assert.deepEqual(await kinds(log.file, publicKey), [])
  }
})

test('a gap at the start of a segment that has no seal yet says what the end of the one before may lack', async (t) => {
  for (const isSealed of [true, false]) {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
    log.events(4).seal().events(5)
    const archived = log.refused(log.seq - 2)
    const lines = readFileSync(archived, 'utf8').split('\n')
    writeFileSync(archived, `${lines.slice(0, -3).join('\n')}\n`)
    const live = readFileSync(log.file, 'utf8').split('\n')
    if (!isSealed) writeFileSync(log.file, `${live.slice(0, 2).join('\n')}\n`)
    assert.deepEqual(await kinds(log.file, publicKey), [])
  }
})

test('with a key only what it signed vouches for a gap', async (t) => {
  const { log, second, from, to } = threeSegments(t)
  rmSync(second)
  log.event(...gap(from, to))
  log.seal(generateKeyPairSync('ed25519').privateKey)
  const found = await kinds(log.file, publicKey)
  assert.ok(found.includes('missing-segment'), found.join())
})

for (const [what, forge] of [
  ['no JSON', (line: string) => line.replace('"approve":false', '"approve":!!!!!')],
  ['no UTF-8', (line: string) => line.replace('"by":"ana"', '"by":"\xff\xfe\xfd"')],
  ['of another seq', (line: string) => line.replace(/"seq":(\d+)/, '"seq":$1,"s\\u0065q":99')],
] as const) {
  test(`a line that is ${what} and was adopted is malformed, whatever seals stand behind it`, async (t) => {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
    log.events(3).seal().decision('e-1', false).events(1)
    const lines = readFileSync(log.file, 'latin1').split('\n')
    writeFileSync(
      log.file,
      lines.map((line) => (line.includes('"kind":"approval"') ? forge(line) : line)).join('\n'),
      'latin1',
    )
    const before = (await verifyLog(log.file, { publicKey })).findings
    assert.equal(before.length, 1)
    log.goOn().events(2).seal().events(1).seal()
    const after = (await verifyLog(log.file, { publicKey })).findings
    assert.deepEqual(
      after.map(({ line }) => line),
      before.map(({ line }) => line),
    )
  })
}

test('a name for signatures beside a log that is not called by its id is not believed', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), signing)
  log.events(3).rotate()
  log.events(2).seal()
  const { log: id = '' } = await verifyLog(log.file, { publicKey })
  const folder = dirname(log.file)
  const rename = (to: string): string => {
    for (const name of readdirSync(folder)) {
      const stem = name.slice(0, name.indexOf('.'))
      renameSync(join(folder, name), join(folder, name.replace(stem, to)))
    }
    writeFileSync(join(folder, `${to}.jsonl.origin`), '{"name":"hive.jsonl"}')
    return join(folder, `${to}.jsonl`)
  }
  assert.deepEqual(await kinds(rename(id), publicKey), [])
  assert.deepEqual(await kinds(rename('payroll'), publicKey), ['bad-signature', 'bad-signature'])
})
