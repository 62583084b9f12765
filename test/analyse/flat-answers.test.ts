/** Reports of logs that are long enough to be taken apart are those that parsing every line gives. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Checker, type CheckReport } from '../../src/analyse/check/checker.js'
import { Settings } from '../../src/analyse/check/settings.js'
import { checkLog } from '../../src/analyse/check.js'
import { pricer } from '../../src/analyse/cost/call-cost.js'
import { indexLog } from '../../src/analyse/index-log.js'
import { replay } from '../../src/analyse/replay.js'
import { StateReducer } from '../../src/analyse/state/reducer.js'
import { Stats, statsReport } from '../../src/analyse/stats.js'
import type { HiveState } from '../../src/model/state.js'
import { hiveBatches, isMalformed, logsOfHive, readLog } from '../../src/read.js'
import { hivelogProcess } from '../kit/reader-cli.js'
import { collect, scratch } from '../kit/reader-log.js'
import { StoryLog } from '../kit/story.js'

// The key of the index is the user's own; the tests leave it alone.
const stateHome = mkdtempSync(join(tmpdir(), 'hivelog-state-'))
process.env.XDG_STATE_HOME = stateHome
after(() => rmSync(stateHome, { recursive: true, force: true }))

/** Whole numbers, the same ones in each run. */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

/** Some 1.5 MB of what a busy hive does, right and wrong, in lines of all sorts. */
function write(log: StoryLog, seed: number, agents: number): void {
  const upTo = dice(seed)
  const of = <T>(list: readonly T[]): T => list[upTo(list.length)] as T
  const name = (): string => `agent-${seed}-${upTo(agents)}`
  const anyName = (): string => of([name(), name(), name(), 'god', 'human', 'broadcast', 'nobody', 'Zoë'])
  let checkpoint = 0
  let ts = seed
  const lines: string[] = []
  const add = (kind: string, fields: object): void => {
    ts += upTo(40)
    // One clock runs back, one count leaps.
    const at = upTo(500) === 0 ? ts - 90_000 : ts
    const more = upTo(400) === 0 ? 3 : 1
    const span = `b7${String(upTo(60)).padStart(14, '0')}`
    const trace = '0af7651916cd43dd8448eb211c80319c'
    checkpoint += more
    lines.push(JSON.stringify({ ts: at, kind, ...fields, checkpoint, trace, span }))
  }
  const ids: string[] = []
  for (let agent = 0; agent < agents; agent++)
    add('spawn', {
      agentId: `agent-${seed}-${agent}`,
      name: `Agent ${agent}`,
      isGod: seed === 1 && agent === 0,
    })
  for (let i = 0; i < 7000; i++) {
    const agentId = name()
    switch (upTo(12)) {
      case 0: {
        const taken = ids.splice(upTo(3), upTo(4))
        add('drain', { agentId, count: taken.length, ids: taken })
        break
      }
      case 1:
        add('usage', {
          agentId,
          model: of(['gpt-5', 'claude-sonnet-4-5', 'é']),
          inputTokens: upTo(5000),
          cacheWriteTokens: upTo(9),
          ...(upTo(3) > 0 && { costUsd: upTo(9999) / 1e5 }),
        })
        break
      case 2:
        add('tool', {
          agentId,
          name: of(['grep', 'bash']),
          ok: upTo(4) > 0,
          ms: upTo(900) / 8,
          ...(upTo(9) === 0 && { error: 'a "bad"\nend' }),
        })
        break
      case 3:
        add('call', {
          agentId,
          host: 'api.example.com',
          method: 'POST',
          path: '/v1',
          status: of([200, 429, 429, 500]),
          ms: upTo(900),
        })
        break
      case 4:
        add('escalate', { from: agentId, to: 'human', subject: `Drop ${i}?`, id: `e-${seed}-${i % 700}` })
        break
      case 5:
        add('approval', { id: `e-${seed}-${upTo(700)}`, approve: upTo(2) > 0, by: of(['ana', agentId]) })
        break
      case 6:
        if (upTo(40) > 0) break
        lines.push(
          of([
            '{"ts":1,"kind":"message",',
            'no event',
            '{"ts":5}',
            '{"ts":1,"kind":"log.gap","lost":4,"reason":"x"}',
          ]),
        )
        break
      case 7:
        if (upTo(30) === 0) add('exit', { agentId, status: of(['ok', 'error']) })
        else if (upTo(20) === 0) add('rename', { agentId, name: 'Grüße' })
        break
      default: {
        const id = `msg-${seed}-${i}-0123456789012345`
        ids.push(id)
        const reply = upTo(6) === 0 ? { inReplyTo: of(ids) } : {}
        const requiresReply = upTo(5) === 0 ? { requiresReply: upTo(2) > 0 } : {}
        add('message', {
          from: agentId,
          to: anyName(),
          act: of(['request', 'inform', 'done']),
          subject: of([`About ${i % 90}`, 'Re: the schema', 'Größe', 'say "yes"']),
          id,
          ...reply,
          ...requiresReply,
        })
      }
    }
  }
  // As its writer numbers them.
  log.raw(
    lines
      .map(
        (line, i) =>
          `${line.endsWith('}') ? `${line.slice(0, -1)},"seq":${i + 1},"session":"s-${seed}"}` : line}\n`,
      )
      .join(''),
  )
}

function hiveIn(folder: string): string {
  const main = new StoryLog(join(folder, 'hive.jsonl'))
  write(main, 1, 30)
  write(main.child('a'), 2, 8)
  write(main.child('b'), 3, 5)
  return main.file
}

/** The report by lines that are all parsed. */
async function checked(file: string): Promise<CheckReport> {
  const settings = new Settings()
  const logs = logsOfHive(file)
  const options = logs.length > 1 ? { logs } : {}
  const checker = new Checker(settings, { closed: false, maxFindings: 1000, price: pricer(), ...options })
  const batches = logs.length > 1 ? hiveBatches(file) : [await collect(readLog(file))]
  for await (const items of batches) for (const item of items) checker.add(item)
  return checker.report(file)
}

/** The state by lines that are all parsed. */
async function stateOf(file: string, at = Number.POSITIVE_INFINITY): Promise<HiveState> {
  const reducer = new StateReducer(undefined, undefined, { price: pricer() })
  for await (const item of readLog(file)) {
    if (isMalformed(item)) reducer.malformed()
    else if (item.seq > at) break
    else reducer.apply(item.event, item.seq)
  }
  return reducer.state()
}

test('what is wrong with a hive', async (t) => {
  const file = hiveIn(scratch(t))
  const report = await checkLog(file)
  assert.deepEqual(report, await checked(file))
  const rules = new Set(report.findings.map(({ rule }) => rule))
  assert.ok(rules.size > 8, [...rules].join(' '))
  const [, child] = logsOfHive(file)
  assert.deepEqual(await checkLog(child as string), await checked(child as string))
})

test('what is in it', async (t) => {
  const file = hiveIn(scratch(t))
  const logs = logsOfHive(file)
  const stats = new Stats(logs[0])
  for await (const items of hiveBatches(file))
    for (const item of items) isMalformed(item) ? stats.malformed(item) : stats.add(item)
  const { files, lines, events, malformed, lost, ...report } = await statsReport(file)
  assert.deepEqual(report, stats.report())
  const texts = logs.map((log) => readFileSync(log, 'utf8').trimEnd().split('\n'))
  assert.equal(lines, texts.flat().length)
  assert.equal(malformed, texts.flat().filter((line) => !line.endsWith('}') || !line.includes('kind')).length)
  assert.ok(events > 15_000 && lost > 0)
  assert.deepEqual(files, [file])
})

test('its state at any event, with an index and without', async (t) => {
  const file = hiveIn(scratch(t))
  const one = { thisFile: true, indexSpacing: 64 * 1024 }
  const last = await stateOf(file)
  assert.deepEqual(await replay(file, { ...one, index: false }), last)
  const { states } = await indexLog(file, { spacing: 64 * 1024 })
  assert.ok(states > 5, `${states} states`)
  for (const at of [1, 2000, 4567, 6000, last.seq]) {
    assert.deepEqual(await replay(file, { ...one, at }), await stateOf(file, at), `at ${at}`)
  }
})

test('the same words where nothing can be taken apart', (t) => {
  const file = hiveIn(scratch(t))
  const plain = hivelogProcess(['check', file])
  const jitless = hivelogProcess(['check', file], { env: { NODE_OPTIONS: '--jitless' } })
  assert.equal(jitless.stdout, plain.stdout)
  assert.match(plain.stdout, /cost-spike|retry-storm/)
})
