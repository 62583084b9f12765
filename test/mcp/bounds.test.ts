/** Every answer is bounded, however long the log is and however long its lines are; and a cursor goes on to the end. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { called } from '../../src/mcp/call.js'
import { fitted, sizeOf } from '../../src/mcp/harmless.js'
import { partsFor } from '../../src/mcp/hives.js'
import { busyLog, familyLog } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { httpAgent } from '../kit/mcp-client.js'
import { StoryLog } from '../kit/story.js'

// bench/mcp.mjs asks the same of a million.
const EVENTS = cases(40_000, 5_000)

/** Each tool, asked for as much as there can be. */
const ASKED: [tool: string, given: object][] = [
  ['overview', {}],
  ['search_events', {}],
  ['search_events', { text: 'no such text in it' }],
  ['search_events', { agent: 'a3', newest_first: true }],
  ['get_events', { from: 1, to: EVENTS }],
  ['get_events', { what: '5' }],
  ['state_at', {}],
  ['state_at', { at: EVENTS / 2 }],
  ['inbox', { agent: 'a0' }],
  ['agent_story', { agent: 'a1' }],
  ['talk', { a: 'a1' }],
  ['talk', { a: 'a1', b: 'a2' }],
  ['why', { position: EVENTS - 10 }],
  ['audit', {}],
  ['cost', { by: 'agent' }],
  ['check', {}],
  ['diff', { other: 'busy.jsonl' }],
  ['verify', {}],
]

test('a log of many thousand events: each answer has at most max_bytes, says what it is of, and goes on', async (t) => {
  const file = busyLog(tempFolder(t), EVENTS)
  const agent = await httpAgent(t, { logs: [file] })
  for (const [tool, given] of ASKED) {
    for (const max of [undefined, 4_096, 131_072]) {
      const answer = await agent.ask(tool, max === undefined ? given : { ...given, max_bytes: max })
      const what = `${tool} ${JSON.stringify(given)} ${max}`
      assert.ok(agent.bytes <= (max ?? 32_768), `${what}: ${agent.bytes} bytes`)
      assert.equal(answer.shown, answer.items.length)
      assert.equal(answer.truncated, answer.cursor !== undefined, what)
      assert.ok(answer.total >= answer.shown, what)
      if (!answer.truncated) assert.equal(answer.total, answer.shown, what)
      assert.ok(answer.total === 0 || answer.shown > 0, what)
      if (answer.cursor === undefined) continue
      const next = await agent.ask(tool, { ...given, cursor: answer.cursor })
      assert.notDeepEqual(next.items[0], answer.items[0], `${what} goes on`)
      const [other, othersGiven] = ASKED.find(([name]) => name !== tool) as [string, object]
      const refused = await agent.refused(other, { ...othersGiven, cursor: answer.cursor })
      assert.match(refused, /^the cursor is of another question/)
    }
  }
  assert.match(await agent.refused('audit', { cursor: 'x' }), /^cursor must be one that an answer/)
})

test('whoever asks while a log is read for the first time is told so, and answered later', async (t) => {
  const parts = partsFor([busyLog(tempFolder(t), 20_000)])
  defer(t, () => parts.hives.close())
  const asked = (patienceMs: number) =>
    called({ ...parts, patienceMs, onError: assert.fail }, 'search_events', {}, new AbortController().signal)
  const first = await asked(0)
  assert.equal(first.isError, true)
  assert.match(
    first.content[0].text,
    /^the log is still being read, [\d,]+ events so far: ask the same again in a while$/,
  )
  const { structuredContent } = await asked(600_000)
  assert.ok((structuredContent?.total as number) > 19_000)
})

test('lines that are as long as they can be are cut, and told in full when asked for alone', async (t) => {
  const folder = tempFolder(t)
  const long = 'word '.repeat(2_000).trim()
  const log = new StoryLog(join(folder, 'hive.jsonl'))
  log.at(0, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
  for (let i = 0; i < 30; i++)
    log.at(i, 'message', { from: `a${long}`, to: 'b', act: long, subject: long, id: `m-${i}`, more: [long] })
  const agent = await httpAgent(t, { logs: [log.file] })
  const all = await agent.all('search_events', { kind: 'message', max_bytes: 4_096 })
  assert.equal(all.items.length, 30)
  assert.ok(all.items.every(({ cut }) => cut === true))
  for (const tool of ['state_at', 'overview', 'check', 'audit']) {
    await agent.all(tool, { max_bytes: 4_096 })
    assert.ok(agent.bytes <= 4_096)
  }
  const { items, cut } = await agent.ask('get_events', { positions: [2], max_bytes: 131_072 })
  assert.equal(cut, undefined)
  assert.equal(items[0]?.event.subject, long)
})

test('any value is made small enough, says that it was cut, and one that is small enough is left as it is', () => {
  const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 30 })
  fc.assert(
    fc.property(value, fc.integer({ min: 30, max: 3_000 }), (given, most) => {
      const { value: made, isCut } = fitted(given, (each) => sizeOf(each) <= most)
      assert.ok(sizeOf(made) <= most || JSON.stringify(made) === '{"cut":true}')
      assert.equal(made.cut === true && isCut, isCut)
    }),
    { numRuns: cases(300, 300) },
  )
})

test('what is asked wrongly is told in one line', async (t) => {
  const agent = await httpAgent(t, { logs: [familyLog(tempFolder(t))] })
  for (const [tool, given, said] of [
    ['search_events', { text: '' }, 'text must be a text of 1 to 500 characters'],
    ['search_events', { text: 'x'.repeat(501) }, 'text must be a text of 1 to 500 characters'],
    ['search_events', { kind: [] }, 'kind must have from 1 to 100 entries'],
    ['search_events', { kind: [7] }, 'each of kind must be a text of 1 to 500 characters'],
    [
      'search_events',
      { since: 'yesterday' },
      'since must be epoch milliseconds or an ISO time, 2026-08-22T14:03:07Z say',
    ],
    ['search_events', { newest_first: 'yes' }, 'newest_first must be true or false'],
    ['search_events', { max_bytes: 100 }, 'max_bytes must be a whole number from 4096 to 131072'],
    ['search_events', { max_bytes: 1e9 }, 'max_bytes must be a whole number from 4096 to 131072'],
    ['search_events', { limit: 1.5 }, 'limit must be a whole number from 1 to 1000'],
    ['get_events', {}, 'get_events needs one of what, positions, from (with or without to)'],
    ['get_events', { from: 5, to: 2 }, 'to must not be less than from'],
    [
      'get_events',
      { what: 'nothing-like-it' },
      'nothing in this log is called "nothing-like-it": give a seq, a place such as hive.jsonl:57, or an id',
    ],
    ['state_at', { at: -1 }, 'at must be a whole number from 0 on'],
    ['state_at', { at: 1, time: 2 }, 'give at or time, not both'],
    ['inbox', {}, 'inbox needs agent: id of the agent, or another recipient'],
    [
      'inbox',
      { agent: 'nobody' },
      'nobody is called "nobody" at that position; state_at lists agents and inboxes',
    ],
    ['agent_story', { agent: 'nobody' }, 'no agent has the id "nobody" in this log'],
    ['why', {}, 'why needs position or what, one of them'],
    ['why', { position: 99_999 }, 'there is no event at that position'],
    [
      'cost',
      { by: 'colour' },
      'by must be one of agent, model, provider, task, decision, session, hour, day',
    ],
    ['talk', { b: 'x' }, 'talk needs a: id of an agent'],
    [
      'audit',
      { file: '/etc/passwd' },
      'audit has no argument "file"; it takes id, match, agent, by, pending, since, until, log, max_bytes, limit, cursor',
    ],
    [
      'approve',
      { id: 'e-1' },
      'there is no tool "approve"; there are overview, search_events, get_events, state_at, inbox, agent_story, talk, why, audit, cost, check, diff, verify',
    ],
  ] as [string, object, string][])
    assert.equal(await agent.refused(tool, given), said)
})
