/** Replay is exact: the state by index equals the state by walking equals the state that the writer kept itself. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { replay } from '../../src/analyse/replay.js'
import type { HiveState } from '../../src/analyse.js'
import type { Agent, Hive, SentMessage } from '../../src/index.js'
import { startHive } from '../../src/index.js'
import { isMalformed, readLog } from '../../src/read.js'
import { captureDiag, tempFolder } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'

/** What is compared: all that the writer can know of itself. */
interface Known {
  agents: { agentId: string; name: string; isGod: boolean; parent?: string; status: string; lives: number }[]
  inboxes: Record<string, string[]>
  pending: { id: string; from: string; subject: string }[]
  usage: { calls: number; inputTokens: number; outputTokens: number; cost: number }
  snapshot?: { agentId: string; label: string; bytes: number }
}

interface Life {
  agent: Agent
  status: string
}

/** A hive that is driven at random, and keeps its own books beside the log, in the plainest way. */
class Writer {
  readonly file: string
  /** The books after each event. */
  readonly known: Known[] = []
  #hive: Hive
  #lives = new Map<string, Life>()
  #names = new Map<string, Known['agents'][number]>()
  #inboxes = new Map<string, SentMessage[]>()
  #pending: Known['pending'] = []
  #usage = { calls: 0, inputTokens: 0, outputTokens: 0, cost: 0 }
  #snapshot: Known['snapshot']
  #count = 0

  constructor(file: string) {
    this.file = file
    this.#hive = this.#start()
  }

  #start(): Hive {
    return startHive({ file: this.file, fsync: 'no', rotate: { maxBytes: 4096, gzip: true } })
  }

  #note(): void {
    this.known.push(
      structuredClone({
        agents: [...this.#names.values()],
        inboxes: Object.fromEntries(
          [...this.#inboxes]
            .filter(([, sent]) => sent.length > 0)
            .map(([to, sent]) => [to, sent.map(({ id }) => id)]),
        ),
        pending: this.#pending,
        usage: this.#usage,
        ...(this.#snapshot && { snapshot: this.#snapshot }),
      }),
    )
  }

  spawn(n: number, parent: number): void {
    const agentId = `a${n}`
    // Not its own child.
    const by = parent === n ? undefined : this.#alive(parent)
    const input = { agentId, name: `Name ${this.#count++}`, isGod: n === 0 }
    const agent = by === undefined ? this.#hive.spawn(input) : by.spawn(input)
    const lives = (this.#names.get(agentId)?.lives ?? 0) + 1
    const known = { ...input, status: 'alive', lives, ...(by && { parent: by.agentId }) }
    this.#names.set(agentId, known)
    this.#lives.set(agentId, { agent, status: 'alive' })
    this.#note()
  }

  #alive(n: number): Agent | undefined {
    const life = this.#lives.get(`a${n}`)
    return life?.status === 'alive' ? life.agent : undefined
  }

  message(n: number, to: string): void {
    const sent = this.#alive(n)?.message({ to, act: 'inform', subject: 'x' })
    if (sent === undefined) return
    const alive = [...this.#lives]
      .filter(([id, { status }]) => status === 'alive' && id !== `a${n}`)
      .map(([id]) => id)
    const gods = [...this.#names.values()].filter(({ isGod }) => isGod).map(({ agentId }) => agentId)
    const recipients =
      to === 'broadcast'
        ? alive
        : to === 'human'
          ? []
          : to === 'god' && gods.length > 0
            ? [gods[0] as string]
            : [to]
    for (const id of recipients) this.#inboxes.set(id, [...(this.#inboxes.get(id) ?? []), sent])
    this.#note()
  }

  drain(n: number, count: number): void {
    const agent = this.#alive(n)
    if (agent === undefined) return
    agent.drain(count)
    this.#inboxes.set(agent.agentId, (this.#inboxes.get(agent.agentId) ?? []).slice(count))
    this.#note()
  }

  drainSome(n: number, every: number): void {
    const agent = this.#alive(n)
    const inbox = this.#inboxes.get(`a${n}`) ?? []
    const taken = inbox.filter((_, i) => i % (every + 1) === 0)
    if (agent === undefined || taken.length === 0) return
    agent.drain(taken)
    this.#inboxes.set(
      agent.agentId,
      inbox.filter((each) => !taken.includes(each)),
    )
    this.#note()
  }

  escalate(n: number): void {
    const agent = this.#alive(n)
    if (agent === undefined) return
    const subject = `question ${this.#count++}`
    const { id } = agent.escalate({ subject })
    this.#pending.push({ id, from: agent.agentId, subject })
    this.#note()
  }

  approve(n: number, approve: boolean): void {
    const [item] = this.#pending.splice(n % Math.max(1, this.#pending.length), 1)
    if (item === undefined) return
    this.#hive.approve(item.id, approve, { by: 'ana' })
    this.#note()
  }

  usage(n: number, tokens: number): void {
    const agent = this.#alive(n)
    if (agent === undefined) return
    agent.usage({ inputTokens: tokens, outputTokens: 3, costUsd: tokens / 4096 })
    const { calls, inputTokens, outputTokens, cost } = this.#usage
    this.#usage = {
      calls: calls + 1,
      inputTokens: inputTokens + tokens,
      outputTokens: outputTokens + 3,
      cost: cost + tokens / 4096,
    }
    this.#note()
  }

  snapshot(n: number): void {
    const agent = this.#alive(n)
    if (agent === undefined) return
    const content = 'x'.repeat(++this.#count)
    const label = `after ${this.#count}`
    agent.snapshot({ label, content })
    this.#snapshot = { agentId: agent.agentId, label, bytes: content.length }
    this.#note()
  }

  end(n: number, failed: boolean): void {
    const agent = this.#alive(n)
    if (agent === undefined) return
    agent.end(failed ? { error: 'no' } : {})
    this.#ended(agent.agentId, failed ? 'error' : 'ok')
  }

  /** The process ends and another one begins: those that live are killed, the last one first. */
  async restart(): Promise<void> {
    for (const agentId of [...this.#hive.agents.keys()].reverse()) this.#ended(agentId, 'killed')
    await this.#hive.shutdown()
    this.#hive = this.#start()
  }

  async close(): Promise<void> {
    await this.restart()
    await this.#hive.shutdown()
  }

  #ended(agentId: string, status: string): void {
    const known = this.#names.get(agentId)
    if (known !== undefined) known.status = status
    this.#lives.delete(agentId)
    this.#note()
  }
}

function knownOf(state: HiveState): Known {
  const { usage, snapshot } = state
  return {
    agents: state.agents.map(({ agentId, name, isGod, parent, status, lives }) => {
      return { agentId, name, isGod, status, lives, ...(parent !== undefined && { parent }) }
    }),
    inboxes: Object.fromEntries(
      state.inboxes.map(({ recipient, messages }) => [recipient, messages.map(({ id = '' }) => id)]),
    ),
    pending: state.pending.map(({ id, from = '', subject = '' }) => ({ id, from, subject })),
    usage: {
      calls: usage.calls,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      cost: usage.costUsd,
    },
    ...(snapshot && {
      snapshot: { agentId: snapshot.agentId, label: snapshot.label ?? '', bytes: snapshot.bytes },
    }),
  }
}

const RUNS = cases(60, 6)
const n = fc.nat(4)
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('spawn' as const), n, parent: n }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('message' as const),
      n,
      to: fc.constantFrom('a0', 'a1', 'a2', 'a3', 'a4', 'god', 'human', 'broadcast', 'stranger'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drain' as const), n, count: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drainSome' as const), n, every: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('escalate' as const), n }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('approve' as const), n, yes: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('usage' as const), n, tokens: fc.nat(5000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot' as const), n }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), n, failed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

async function drive(writer: Writer, commands: (typeof command extends fc.Arbitrary<infer C> ? C : never)[]) {
  for (const each of commands) {
    if (each.do === 'spawn') writer.spawn(each.n, each.parent)
    else if (each.do === 'message') writer.message(each.n, each.to)
    else if (each.do === 'drain') writer.drain(each.n, each.count)
    else if (each.do === 'drainSome') writer.drainSome(each.n, each.every)
    else if (each.do === 'escalate') writer.escalate(each.n)
    else if (each.do === 'approve') writer.approve(each.n, each.yes)
    else if (each.do === 'usage') writer.usage(each.n, each.tokens)
    else if (each.do === 'snapshot') writer.snapshot(each.n)
    else if (each.do === 'end') writer.end(each.n, each.failed)
    else await writer.restart()
  }
  await writer.close()
}

test('after every event of a random hive: by index, by walking, and by the writer’s own books', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  let run = 0
  let compared = 0
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 40, maxLength: 200, size: 'max' }), async (commands) => {
      const file = join(folder, `run-${run++}`, 'hive.jsonl')
      const writer = new Writer(file)
      await drive(writer, commands)
      const seqs = await seqsOf(file)
      assert.equal(seqs.length, writer.known.length, 'a line an event')
      for (const [i, seq] of seqs.entries()) {
        const walked = await replay(file, { at: seq, index: false })
        assert.deepEqual(knownOf(walked), writer.known[i], `after seq ${seq}`)
        assert.deepEqual(await replay(file, { at: seq, indexSpacing: 700 }), walked, `by index, seq ${seq}`)
        compared++
      }
    }),
    { numRuns: RUNS, seed: seedOfRun() },
  )
  assert.ok(compared > RUNS * 25, `${compared} states`)
})

/** Where the events are in the log, rotated as it is. */
async function seqsOf(file: string): Promise<number[]> {
  const seqs: number[] = []
  for await (const item of readLog(file)) {
    if (!isMalformed(item) && !item.event.kind.startsWith('log.')) seqs.push(item.seq)
  }
  return seqs
}
