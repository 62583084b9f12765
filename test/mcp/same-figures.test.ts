/** Each tool tells what the command of that name prints with --json, piece by piece, each part with its line. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { before, describe, test } from 'node:test'
import { busyLog, familyLog, foreignLog } from '../kit/api-server.js'
import { type Ending, tempFolder, wholeSuite } from '../kit/hive-support.js'
import { isInTurn } from '../kit/long-run.js'
import { type Agent, httpAgent, stdioAgent } from '../kit/mcp-client.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes
type Json = any

/** Small, so that most answers come in several pieces. */
const SMALL = { max_bytes: 6_000 }

const LOGS: Record<string, (folder: string) => string> = {
  'busy.jsonl': (folder) => busyLog(folder, 200),
  'hive.jsonl': familyLog,
  'munder.jsonl': foreignLog,
}

class Case {
  readonly file: string
  readonly agent: Agent
  readonly several: boolean
  readonly #lines = new Map<string, string[]>()

  constructor(file: string, agent: Agent, several: boolean) {
    this.file = file
    this.agent = agent
    this.several = several
  }

  /** Paths in answers begin at the log's folder. */
  short<T>(value: T): T {
    return JSON.parse(
      JSON.stringify(value).replaceAll(JSON.stringify(dirname(this.file) + sep).slice(1, -1), ''),
    )
  }

  async printed(command: string, ...args: string[]): Promise<Json> {
    const { stdout, stderr } = await hivelog([command, '--json', ...args, this.file])
    assert.notEqual(stdout, '', stderr)
    return this.short(JSON.parse(stdout))
  }

  async cat(...args: string[]): Promise<Json[]> {
    const { stdout } = await hivelog(['cat', '--json', ...args, this.file])
    return linesOf(stdout).map((line) => JSON.parse(line))
  }

  /** That each `at` is a line, and that the line has that `seq`. */
  assertPlaces(items: readonly Json[], has = (_: Json): boolean => true): void {
    for (const item of items) {
      if (!has(item)) continue
      assert.equal(typeof item.at, 'string', JSON.stringify(item))
      for (const place of item.at.split(' | ')) this.lineAt(place)
    }
  }

  lineAt(place: string): Json {
    const [, file, line, seq] = /^(?:[ab] )?(.+?):(\d+) seq (\d+)$/.exec(place) ?? []
    assert.ok(file !== undefined, place)
    let lines = this.#lines.get(file)
    if (lines === undefined) {
      lines = readFileSync(join(dirname(this.file), file), 'utf8').split('\n')
      this.#lines.set(file, lines)
    }
    const event = JSON.parse(lines[Number(line) - 1] as string)
    assert.equal(Number(seq), event.seq ?? Number(line), place)
    return event
  }
}

async function caseOf(t: Ending, name: string, over: 'http' | 'stdio'): Promise<Case> {
  const file = (LOGS[name] as (folder: string) => string)(tempFolder(t))
  const agent =
    over === 'http' ? await httpAgent(t, { logs: [file] }) : await stdioAgent(t, [file], { era: 'auto' })
  return new Case(file, agent, name === 'hive.jsonl')
}

const without = (item: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)))

/** Items without what the answer adds to them. */
const rows = (items: readonly Json[], list?: string): Json[] =>
  items.filter((item) => list === undefined || item.list === list).map((item) => without(item, 'list', 'at'))

const CASES = [
  ['busy.jsonl', 'stdio'],
  ['busy.jsonl', 'http'],
  ['hive.jsonl', 'http'],
  ['munder.jsonl', 'stdio'],
] as const

// What both ways tell of the same log: in turn.
for (const [name, over] of CASES.filter(([, way], i) => i > 1 || isInTurn(way === 'http' ? 1 : 0, 2))) {
  describe(`${name} over ${over}`, () => {
    // To start a server takes longer than to ask it.
    const suite = wholeSuite()
    let one: Case
    before(async () => {
      one = await caseOf(suite, name, over)
    })

    test('overview is what stats prints', async () => {
      const stats = await one.printed('stats')
      const { report, items, totals } = await one.agent.all('overview', SMALL)
      assert.deepEqual(report, without(stats, 'kinds', 'agents', 'others'))
      assert.deepEqual(
        rows(items, 'kinds'),
        Object.entries(stats.kinds).map(([kind, count]) => ({ kind, count })),
      )
      const expected = Object.entries(stats.agents).map(([agentId, each]) => ({
        agentId,
        ...(each as object),
      }))
      assert.deepEqual(rows(items, 'agents'), expected)
      assert.equal(totals?.agents, expected.length)
      assert.deepEqual(
        rows(items, 'others'),
        Object.entries(stats.others).map(([other, each]) => ({ name: other, ...(each as object) })),
      )
      one.assertPlaces(items)
      for (const { list, kind, at } of items) if (list === 'kinds') assert.equal(one.lineAt(at).kind, kind)
    })

    test('events are what cat prints', async () => {
      for (const [given, options] of [
        [{}, []],
        [{ kind: ['message', 'spawn'] }, ['--kind', 'message', '--kind', 'spawn']],
        [{ agent: ['coder', 'a3', 'god'] }, ['--agent', 'coder', '--agent', 'a3', '--agent', 'god']],
        [
          { kind: 'message', since: '2026-08-22T08:09:41.100Z', until: 1_787_386_185_000 },
          ['--kind', 'message', '--since', '1787386181100', '--until', '1787386185000'],
        ],
      ] as [object, string[]][]) {
        const expected = await one.cat(...options)
        const { items, total } = await one.agent.all('search_events', { ...given, ...SMALL })
        assert.deepEqual(
          items.map(({ event }) => event),
          expected,
          JSON.stringify(given),
        )
        assert.equal(total, expected.length)
        for (const { at, event } of items) assert.deepEqual(one.lineAt(at), event)
        const back = await one.agent.all('search_events', { ...given, ...SMALL, newest_first: true })
        assert.deepEqual(back.items, items.toReversed())
      }
      const all = await one.cat()
      const text = JSON.stringify(all[3]).slice(20, 45)
      const { items } = await one.agent.all('search_events', { text: text.toUpperCase() })
      const fit = (event: Json): boolean => JSON.stringify(event).toLowerCase().includes(text.toLowerCase())
      assert.deepEqual(
        items.map(({ event }) => event),
        all.filter(fit),
      )
      const positions = items.map(({ position }) => position)
      const got = await one.agent.all('get_events', { positions, ...SMALL })
      assert.deepEqual(got.items, items)
      const range = await one.agent.all('get_events', { from: 3, to: 9, ...SMALL })
      assert.deepEqual(
        range.items.map(({ event }) => event),
        all.slice(2, 9),
      )
    })

    test('one event is what show prints, and why what why prints', async () => {
      const { items } = await one.agent.ask('search_events', { limit: 12 })
      for (const { at, position, event } of items) {
        const place = (at as string).replace(/ seq .*/, '')
        const shown = await one.printed('show', place)
        const got = await one.agent.ask('get_events', { what: place })
        assert.deepEqual(got.report, without(shown, 'event', 'place'), place)
        assert.deepEqual(
          got.items.map((each) => each.event),
          [event],
        )
        const why = await one.printed('why', place)
        const expected = (why.chain?.steps ?? []).map((step: Json) => without(step, 'place'))
        for (const given of [{ what: place }, { position }]) {
          const { items: steps, report } = await one.agent.all('why', given)
          assert.deepEqual(rows(steps), expected, JSON.stringify(given))
          assert.equal(report.end, why.chain?.end)
          one.assertPlaces(steps)
        }
      }
    })

    test('the state at any event is what state prints', async () => {
      const { report: ends } = await one.agent.ask('search_events')
      const at = one.several ? [undefined] : [undefined, 1, 2, 9, Math.floor(ends.last / 2), ends.last]
      for (const each of at) {
        const state = await one.printed('state', ...(each === undefined ? [] : ['--at', String(each)]))
        const given = each === undefined ? {} : { at: each }
        const { report, items } = await one.agent.all('state_at', { ...given, ...SMALL })
        assert.deepEqual(without(report, 'position'), without(state, 'agents', 'pending', 'inboxes'))
        const bare = (value: Json): Json => without(value, 'log', 'file', 'line')
        assert.deepEqual(rows(items, 'agents'), state.agents.map(bare))
        assert.deepEqual(rows(items, 'pending'), state.pending.map(bare))
        assert.deepEqual(
          rows(items, 'inboxes').map((inbox) => without(inbox, 'listed')),
          state.inboxes.map((inbox: Json) => without(inbox, 'messages')),
        )
        one.assertPlaces(items)
        for (const { recipient, waiting, messages } of state.inboxes) {
          const inbox = await one.agent.all('inbox', { agent: recipient, ...given, ...SMALL })
          assert.equal(inbox.report.waiting, waiting)
          assert.deepEqual(rows(inbox.items), messages.map(bare))
          one.assertPlaces(inbox.items)
        }
      }
      const time = 1_787_386_181_075
      const state = await one.printed('state', '--time', String(time))
      const { report } = await one.agent.ask('state_at', { time })
      assert.deepEqual(without(report, 'position'), without(state, 'agents', 'pending', 'inboxes'))
    })

    test("an agent's story and its talks are what the commands print", async () => {
      const { agents } = await one.printed('state')
      for (const { agentId, status } of agents.slice(0, 3)) {
        const story = await one.agent.all('agent_story', { agent: agentId, ...SMALL })
        const expected = await one.cat('--agent', agentId)
        assert.deepEqual(
          story.items.map(({ event }) => event),
          expected,
        )
        assert.equal(story.report.agent.status, status)
        const { report } = await one.agent.ask('agent_story', { agent: agentId, max_bytes: 131_072 })
        const talks = await one.printed('talk', agentId)
        assert.deepEqual(report.partners, talks)
        const partners = await one.agent.all('talk', { a: agentId, ...SMALL })
        assert.deepEqual(
          rows(partners.items),
          talks.partners.map((each: Json) => without(each, 'last')),
        )
        one.assertPlaces(partners.items)
        for (const { name: b } of talks.partners.slice(0, 2)) {
          const talk = await one.printed('talk', agentId, b)
          const told = await one.agent.all('talk', { a: agentId, b, ...SMALL })
          assert.deepEqual(
            rows(told.items),
            talk.items.map((each: Json) => without(each, 'place')),
          )
          assert.deepEqual(told.report, without(talk, 'items'))
          one.assertPlaces(told.items)
        }
      }
    })

    test('audit, cost, check and verify are what the commands print', async () => {
      for (const [given, options] of [
        [{}, []],
        [{ pending: true }, ['--pending']],
        [{ by: 'ana' }, ['--by', 'ana']],
        [{ id: 'e-1' }, ['--id', 'e-1']],
      ] as [object, string[]][]) {
        const audit = await one.printed('audit', ...options)
        const { items, report } = await one.agent.all('audit', { ...given, ...SMALL })
        assert.deepEqual(report, without(audit, 'cases', 'orphans', 'problems'))
        for (const list of ['cases', 'orphans', 'problems'])
          assert.deepEqual(rows(items, list), audit[list], list)
        one.assertPlaces(items)
      }
      for (const by of ['agent', 'model', 'provider', 'task', 'decision', 'session', 'hour', 'day']) {
        const cost = await one.printed('cost', '--by', by)
        const { items, report } = await one.agent.all('cost', { by, ...SMALL })
        assert.deepEqual(report, without(cost, 'rows'))
        assert.deepEqual(rows(items), cost.rows)
        one.assertPlaces(items)
        for (const { at, key } of items)
          for (const place of at.split(' | ')) {
            const event = one.lineAt(place)
            assert.equal(event.kind, 'usage')
            if (by === 'agent') assert.equal(event.agentId, key)
            if (by === 'model') assert.equal(event.model, key)
          }
      }
      const check = await one.printed('check')
      const findings = await one.agent.all('check', SMALL)
      assert.deepEqual(findings.report, without(check, 'findings'))
      assert.deepEqual(rows(findings.items), check.findings)
      const { stdout } = await hivelog(['verify', '--json', one.file])
      const logs = linesOf(stdout).map((line) => one.short(JSON.parse(line)))
      const verified = await one.agent.all('verify', SMALL)
      assert.equal(
        verified.report.ok,
        logs.every(({ ok }) => ok),
      )
      assert.deepEqual(
        verified.report.logs,
        logs.map((log) => without(log, 'files', 'findings', 'adopted', 'notes')),
      )
      for (const list of ['files', 'findings'])
        assert.deepEqual(
          rows(verified.items, list).map((each) =>
            list === 'files' ? without(each, 'log') : without(each, 'log'),
          ),
          logs.flatMap((log) => log[list]),
        )
      one.assertPlaces(findings.items, ({ first }) => first.seq !== undefined && first.line !== undefined)
    })
  })
}

test('two logs compared are what diff prints', async (t) => {
  const folder = tempFolder(t)
  const a = busyLog(folder, 400, 'a.jsonl')
  const b = busyLog(folder, 500, 'b.jsonl')
  const agent = await stdioAgent(t, [folder])
  const one = new Case(a, agent, false)
  const diff = one.short(JSON.parse((await hivelog(['diff', '--json', a, b])).stdout))
  const { items, report } = await agent.all('diff', { log: 'a.jsonl', other: 'b.jsonl', ...SMALL })
  assert.deepEqual(report, { ...without(diff, 'agents', 'only', 'around'), around: diff.around.of })
  assert.deepEqual(rows(items, 'around'), diff.around.rows)
  assert.deepEqual(rows(items, 'agents'), diff.agents)
  assert.deepEqual(rows(items, 'only'), diff.only)
  one.assertPlaces(items, ({ at }) => at !== undefined)
  assert.ok(items.some(({ at }) => at !== undefined))
})

test('overview lists logs where there are several, and each can be named by id, name or session', async (t) => {
  const folder = tempFolder(t)
  busyLog(folder, 60, 'busy.jsonl')
  foreignLog(folder)
  const agent = await stdioAgent(t, [folder])
  const { items, total } = await agent.all('overview', { limit: 1 })
  assert.equal(total, 2)
  assert.deepEqual(items.map(({ name }) => name).sort(), ['busy.jsonl', 'munder.jsonl'])
  const busy = items.find(({ name }) => name === 'busy.jsonl')
  for (const log of [busy?.id, 'busy.jsonl', 's-busy']) {
    const { logs } = await agent.ask('overview', { log })
    assert.equal(logs[0]?.id, busy?.id)
  }
  assert.match(await agent.refused('audit'), /^there are 2 logs: name one as log/)
  for (const log of [join(folder, 'busy.jsonl'), '../busy.jsonl', 'busy', '/etc/passwd'])
    assert.match(await agent.refused('audit', { log }), /^no log here has the id, name or session/)
})
