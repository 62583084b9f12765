import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LogDiff } from '../../src/analyse/diff/report.js'
import { diffLogs } from '../../src/analyse/diff.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

/** What happens in a run, before it has times, ids and numbers. `of` is an earlier step that it answers or takes. */
interface Step {
  agent: number
  kind: 'spawn' | 'message' | 'reply' | 'drain' | 'escalate' | 'approval' | 'tool' | 'usage' | 'session'
  text: string
  of?: Step
}

const AGENTS = 4
const KINDS = [
  'message',
  'message',
  'tool',
  'usage',
  'escalate',
  'session',
  'reply',
  'drain',
  'approval',
] as const
const HUMAN = AGENTS

const steps = fc
  .array(
    fc.record({ agent: fc.nat(AGENTS - 1), kind: fc.constantFrom(...KINDS), of: fc.nat(), text: fc.nat(3) }),
    {
      maxLength: 40,
    },
  )
  .map((drawn) => {
    const all: Step[] = Array.from({ length: AGENTS }, (_, agent) => ({
      agent,
      kind: 'spawn',
      text: 'spawn',
    }))
    for (const { agent, kind, of, text } of drawn) {
      const wanted = kind === 'approval' ? 'escalate' : 'message'
      const earlier = all.filter((step) => step.kind === wanted)
      const isReference = kind === 'reply' || kind === 'drain' || kind === 'approval'
      if (isReference && earlier.length === 0) continue
      const step: Step = { agent: kind === 'approval' ? HUMAN : agent, kind, text: `text ${text}` }
      if (isReference) step.of = earlier[of % earlier.length] as Step
      all.push(step)
    }
    return all
  })

/** Times, ids and numbers of one run; agents 2 and on have generated ids. */
function write(file: string, run: readonly Step[], salt: number, foreign: boolean): void {
  const agent = (n: number): string => (n === HUMAN ? 'human' : n < 2 ? `agent-${n}` : `jim-${salt}x${n}`)
  const ids = new Map<Step, string>()
  const fields = (step: Step, i: number): object => {
    const agentId = agent(step.agent)
    const to = agent((step.agent + 1) % AGENTS)
    const id = `${salt}-${(i * 7919 + salt) % 100_003}-${i}`
    const of = step.of === undefined ? undefined : (ids.get(step.of) ?? `outside-${salt}`)
    ids.set(step, id)
    const bodies = {
      spawn: { agentId, name: step.agent % 2 === 0 ? 'Jim' : 'Ann', isGod: false, pid: salt + i },
      message: { from: agentId, to, act: 'request', subject: step.text, id, conversation: `c-${salt}` },
      reply: { from: agentId, to, act: 'inform', subject: step.text, id, inReplyTo: of },
      drain: { agentId, count: 1, ids: [of] },
      escalate: { from: agentId, to: 'human', subject: step.text, id },
      approval: { id: of, approve: true, by: 'ana' },
      tool: { agentId, name: step.text, ok: true, ms: salt * i },
      usage: { agentId, model: 'm', inputTokens: salt, outputTokens: i },
      session: { agentId, sessionId: `${salt}-${step.agent}-${step.text}` },
    }
    return bodies[step.kind]
  }
  const lines = run.map((step, i) => {
    const envelope = foreign
      ? {}
      : { seq: i + 1, session: `s-${salt}`, checkpoint: i, trace: `${salt}`, span: 'x' }
    const kind = step.kind === 'reply' ? 'message' : step.kind
    return `${JSON.stringify({ ts: 1_700_000_000_000 + salt * 1000 + i, kind, ...fields(step, i), ...envelope })}\n`
  })
  writeFileSync(file, lines.join(''))
}

/** The same steps as other agents' speed would have them: each agent's own order, and causes before effects. */
function interleaved(run: readonly Step[], choices: readonly number[]): Step[] {
  const left = Array.from({ length: AGENTS + 1 }, (_, agent) => run.filter((step) => step.agent === agent))
  const done = new Set<Step>()
  const result: Step[] = []
  while (result.length < run.length) {
    const ready = left.filter(([next]) => next !== undefined && (next.of === undefined || done.has(next.of)))
    const queue = ready[(choices[result.length % choices.length] as number) % ready.length] as Step[]
    const step = queue.shift() as Step
    done.add(step)
    result.push(step)
  }
  return result
}

function assertReconciled(diff: LogDiff): void {
  const { a, b, common, agents, only } = diff
  assert.equal(a.events - a.only, common)
  assert.equal(b.events - b.only, common)
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  for (const side of ['a', 'b'] as const) {
    assert.equal(sum(agents.map((agent) => agent.only[side])), diff[side].only)
    assert.equal(sum(agents.map((agent) => agent.events[side])), diff[side].events)
    assert.equal(
      sum(only.filter((group) => group.side === side).map(({ events }) => events)),
      diff[side].only,
    )
  }
}

/** What must be the same, a for b, when the logs change places. */
function mirrored(diff: LogDiff): unknown {
  const swap = <T>(pair: { a: T; b: T }): { a: T; b: T } => ({ a: pair.b, b: pair.a })
  return {
    verdict: diff.verdict,
    sides: swap({ a: diff.a, b: diff.b }),
    index: diff.parts?.index,
    first: diff.first && [diff.first.agent, diff.first.index],
    agents: diff.agents.map(({ agent, events, only }) => ({ agent, events: swap(events), only: swap(only) })),
  }
}

function plain(diff: LogDiff): unknown {
  const { verdict, a, b, parts, first, agents } = diff
  return {
    verdict,
    sides: { a, b },
    index: parts?.index,
    first: first && [first.agent, first.index],
    agents: agents.map(({ agent, events, only }) => ({ agent, events, only })),
  }
}

test('a run with other ids, times, sessions and numbers is the same run', async (t) => {
  const folder = scratch(t)
  const [a, b] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl')]
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), fc.boolean(), async (run, foreignA, foreignB) => {
      write(a, run, 3, foreignA)
      write(b, run, 8, foreignB)
      const diff = await diffLogs(a, b)
      assert.equal(diff.verdict, 'same')
      assert.deepEqual([diff.common, diff.a.events, diff.only], [run.length, run.length, []])
      assertReconciled(diff)
    }),
    { seed: seedOfRun(), numRuns: cases(100, 35) },
  )
})

test('agents that ran in another order are told from agents that did something else', async (t) => {
  const folder = scratch(t)
  const [a, b] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl')]
  const choices = fc.array(fc.nat(1000), { minLength: 1, maxLength: 50 })
  await fc.assert(
    fc.asyncProperty(steps, choices, async (run, order) => {
      // Who has which name is told by the order of spawning, so that stays.
      const other = [...run.slice(0, AGENTS), ...interleaved(run.slice(AGENTS), order)]
      write(a, run, 3, false)
      write(b, other, 8, false)
      const diff = await diffLogs(a, b)
      const moved = other.findIndex((step, i) => step !== run[i])
      if (diff.verdict === 'order') assert.ok((diff.parts?.index as number) >= moved)
      // Steps that look the same may change places unseen; nothing else may.
      else assert.equal(diff.verdict, 'same')
      assert.deepEqual([diff.a.only, diff.b.only, diff.first], [0, 0, undefined])
      assertReconciled(diff)
    }),
    { seed: seedOfRun(), numRuns: cases(150, 50) },
  )
})

const edits = fc.array(
  fc.record({ at: fc.nat(), what: fc.constantFrom('insert', 'delete', 'change'), agent: fc.nat(2) }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

test('inserted, deleted and changed events: where, and how many, whichever log comes first', async (t) => {
  const folder = scratch(t)
  const [a, b] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl')]
  await fc.assert(
    fc.asyncProperty(steps, edits, async (run, drawn) => {
      const edited: (Step | undefined)[][] = run.map((step) => [step])
      // Each step is edited once at most; spawns stay, because they name the agents.
      const places = new Map(
        drawn.map(({ at, ...edit }) => [AGENTS + (at % Math.max(1, run.length - AGENTS)), edit]),
      )
      for (const [at, { what, agent }] of places) {
        const extra: Step = { agent, kind: 'tool', text: `extra ${at}` }
        if (at >= run.length) edited.push([extra])
        else if (what === 'insert') edited[at]?.unshift(extra)
        else edited[at] = what === 'change' ? [extra] : []
      }
      const first = Math.min(...places.keys())
      const other = edited.flat().filter((step) => step !== undefined)
      write(a, run, 3, false)
      write(b, other, 8, false)
      const diff = await diffLogs(a, b)
      assert.notEqual(diff.verdict, 'same')
      assertReconciled(diff)
      const index = diff.parts?.index as number
      // A deleted step may be followed by one that looks the same; a new one looks like no other.
      if (places.get(first)?.what === 'delete' && first < run.length) assert.ok(index >= first)
      else assert.equal(index, first, JSON.stringify(diff.parts))
      const added = other.filter(({ text }) => text.startsWith('extra')).length
      assert.ok(diff.b.only >= added)
      assert.equal(diff.b.events - diff.a.events, other.length - run.length)
      assert.deepEqual(plain(await diffLogs(b, a)), mirrored(diff))
    }),
    { seed: seedOfRun(), numRuns: cases(150, 50) },
  )
})
