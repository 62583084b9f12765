/** What an escalation asks is told though its subject is no text, or too big for its line and stored aside. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AuditCase, auditTrail, replay } from '../../src/analyse.js'
import { readLog } from '../../src/read.js'
import { formatEvent } from '../../src/text/format-event.js'
import { tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { collect } from '../kit/reader-log.js'
import { StoryLog } from '../kit/story.js'

const LONG = `Drop the users table? ${'because '.repeat(1_500)}and the orders`

/** A log that asks one thing whose subject lies beside it, and another. */
function asideLog(t: TestContext, content: string | Buffer = LONG) {
  const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
  const subject = log.artifact(content)
  log
    .at(0, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
    .at(1, 'spawn', { agentId: 'coder', name: 'Coder', isGod: true })
    .at(2, 'escalate', { from: 'coder', to: 'human', subject, id: 'e-1' })
    .at(3, 'escalate', { from: 'coder', to: 'human', subject: 'Format the docs?', id: 'e-2' })
  return { file: log.file, subject, artifact: log.artifactPath(subject.ref) }
}

const caseOf = async (file: string, id = 'e-1'): Promise<AuditCase> =>
  (await auditTrail(file, { id })).cases[0] as AuditCase

const idsOf = async (file: string, match: string): Promise<(string | undefined)[]> =>
  (await auditTrail(file, { match })).cases.map(({ id }) => id)

test('a subject that a hive stored aside is told and found by all of its words', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  agent.escalate({ id: 'e-1', subject: LONG })
  await agent.escalate({ id: 'e-2', subject: { table: 'users', op: 'drop' } as unknown as string }).durable
  const { subject, aside } = await caseOf(file)
  assert.equal(subject, `${LONG.slice(0, 499)}…`)
  const ref = createHash('sha256').update(LONG).digest('hex')
  const path = join(`${file}.artifacts`, ref.slice(0, 2), ref)
  assert.deepEqual(aside, { ref, bytes: LONG.length, path, status: 'ok' })
  const other = await caseOf(file, 'e-2')
  assert.deepEqual([other.subject, other.aside], ['{"table":"users","op":"drop"}', undefined])
  assert.deepEqual(await idsOf(file, 'USERS'), ['e-1', 'e-2'])
  // Past what is shown.
  assert.deepEqual(await idsOf(file, 'the orders'), ['e-1'])
  assert.deepEqual(await idsOf(file, '"op":"drop"'), ['e-2'])
  assert.deepEqual(await idsOf(file, 'the invoices'), [])
  const { stdout } = await hivelog(['pending', file])
  assert.match(
    stdout,
    /^e-1 {2}Drop the users table\? because .*\n.*\ne-2 {2}\{"table":"users","op":"drop"\}\n/,
  )
  const sent = await hivelog(['approve', 'e-1', file])
  assert.match(sent.stdout, /^recorded .*\n {2}e-1 {2}Drop the users table\? because/)
})

const NOTE = '(subject stored aside, 12,036 bytes; hivelog show ID)'

for (const [what, status, change] of [
  ['missing', 'missing', (path) => rmSync(path)],
  ['of another content', 'changed', (path) => writeFileSync(path, LONG.replace('Drop', 'Read'))],
  ['longer than its line says', 'changed', (path) => appendFileSync(path, '!')],
] as [string, string, (path: string) => void][]) {
  test(`an artifact that is ${what} is not taken for the wording`, async (t) => {
    const { file, artifact } = asideLog(t)
    change(artifact)
    const { subject, aside } = await caseOf(file)
    assert.deepEqual([subject, aside?.status], [NOTE, status])
    assert.ok((await hivelog(['audit', file])).stdout.includes(`pending  "${NOTE}"`))
    assert.ok((await hivelog(['pending', file])).stdout.startsWith(`e-1  ${NOTE}\n`))
    // It may have been asked, so it is not left out.
    assert.deepEqual(await idsOf(file, 'invoices'), ['e-1'])
  })
}

test('what is no text, or over 1 MiB, is not told, and no more is read of it', async (t) => {
  for (const content of [Buffer.from([0xff, 0, 1]), 'x'.repeat(1024 * 1024 + 1)]) {
    const { file } = asideLog(t, content)
    const { subject, aside } = await caseOf(file)
    const bytes = content.length.toLocaleString('en-US')
    assert.equal(subject, `(subject stored aside, ${bytes} bytes; hivelog show ID)`)
    assert.equal(aside?.status, 'unread')
  }
  const most = 'x'.repeat(1024 * 1024)
  assert.equal((await caseOf(asideLog(t, most).file)).aside?.status, 'ok')
})

test('a state and a line say that a subject is stored aside', async (t) => {
  const { file } = asideLog(t)
  const { pending } = await replay(file)
  assert.deepEqual(
    pending.map(({ subject }) => subject),
    [NOTE, 'Format the docs?'],
  )
  const events = (await collect(readLog(file)))
    .flatMap((item) => ('event' in item ? [item.event] : []))
    .slice(-2)
  assert.deepEqual(
    events.map((event) => formatEvent(event, { date: false }).slice('09:24:53.163 '.length)),
    [`▲ escalate  coder → human  e-1  ${NOTE}`, '▲ escalate  coder → human  e-2  "Format the docs?"'],
  )
})

test('a value that only looks like a reference is shown as it is', async (t) => {
  const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
  const values: unknown[] = [
    { ref: '[not stored]', bytes: 3 },
    { ref: 'a'.repeat(64), bytes: -1 },
    [1],
    7,
    null,
  ]
  for (const [i, subject] of values.entries())
    log.at(i, 'escalate', { from: 'a', to: 'human', subject, id: `e-${i}` })
  const { cases } = await auditTrail(log.file)
  assert.deepEqual(
    cases.map(({ subject }) => subject),
    ['{"ref":"[not stored]","bytes":3}', `{"ref":"${'a'.repeat(64)}","bytes":-1}`, '[1]', '7', undefined],
  )
})
