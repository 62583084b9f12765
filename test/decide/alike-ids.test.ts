/** Of questions whose ids look the same, the one that was read is decided, or none. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { listDecisions } from '../../src/decide/decisions.js'
import { tempHive } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

/** A hive that asks these and is down, so that what is decided waits. */
async function askedLog(t: TestContext, asked: Record<string, string>): Promise<string> {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder', name: 'Coder' })
  for (const [id, subject] of Object.entries(asked)) agent.escalate({ id, subject })
  await hive.shutdown()
  return file
}

const decided = (file: string): string[] => listDecisions(file).map(({ id }) => id)

const ALIKE = { 'b\n7': 'May I format the docs?', 'b 7': 'Drop the production database?' }

test('ids that differ in white space are shown apart, by every command that lists them', async (t) => {
  const file = await askedLog(t, ALIKE)
  for (const command of ['pending', 'audit', 'state', 'tail']) {
    const { stdout } = await hivelog([command, file])
    const lines = stdout.split('\n').filter((line) => /format the docs|production/.test(line))
    assert.equal(lines.length, 2, command)
    assert.ok(lines[0]?.includes('"b\\u000a7"'), command)
    assert.ok(lines[1]?.includes('b 7') && !lines[1].includes('"b'), command)
  }
})

for (const given of ['b 7', 'b\n7']) {
  test(`${JSON.stringify(given)} decides nothing while another looks like it`, async (t) => {
    const file = await askedLog(t, ALIKE)
    const ran = await hivelog(['approve', given, file])
    assert.deepEqual([ran.code, ran.stdout, decided(file)], [2, '', []])
    assert.match(
      ran.stderr,
      /2 ids look like .*: "b\\u000a7", "b 7"; give one of these with its quotation marks/,
    )
  })
}

test('an id in quotation marks, as it is shown, is that one alone, and what was decided is told', async (t) => {
  const file = await askedLog(t, ALIKE)
  const docs = await hivelog(['approve', '"b\\u000a7"', file])
  assert.deepEqual(
    [docs.code, docs.stdout.split('\n')[1], decided(file)],
    [0, '  "b\\u000a7"  May I format the docs?', ['b\n7']],
  )
  const database = await hivelog(['reject', '"b 7"', '--json', file])
  const { id, subject, approve } = JSON.parse(database.stdout)
  assert.deepEqual([id, subject, approve], ['b 7', 'Drop the production database?', false])
  assert.deepEqual(decided(file).sort(), ['b\n7', 'b 7'])
  const one = JSON.parse((await hivelog(['audit', '--json', '--id', '"b\\u000a7"', file])).stdout)
  assert.deepEqual(
    one.cases.map((each: { id: string }) => each.id),
    ['b\n7'],
  )
  assert.match((await hivelog(['show', '"b\\u000a7"', file])).stdout, /May I format the docs\?/)
})

test('an id that no other looks like needs no quotation marks', async (t) => {
  const file = await askedLog(t, { 'b\n7': 'May I?', 'c 7': 'And this?', '"d"': 'Or that?' })
  for (const id of ['b\n7', 'c 7', '"d"']) assert.equal((await hivelog(['approve', id, file])).code, 0)
  assert.deepEqual(decided(file).sort(), ['"d"', 'b\n7', 'c 7'])
})

test('one that is itself what another is shown as is not guessed', async (t) => {
  const file = await askedLog(t, { 'b\n7': 'May I?', '"b\\u000a7"': 'Drop it?' })
  const ran = await hivelog(['approve', '"b\\u000a7"', file])
  assert.deepEqual([ran.code, decided(file)], [2, []])
  const clear = await hivelog(['approve', '"\\"b\\\\u000a7\\""', file])
  assert.deepEqual([clear.code, decided(file)], [0, ['"b\\u000a7"']])
})
