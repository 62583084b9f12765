/** One event of a kind, with fields of every type that the kind can have. */
import type { Agent, Hive, SentMessage } from '../../../src/index.js'

export interface Scene {
  hive: Hive
  agent: Agent
  /** All who may be written to. */
  agents: Agent[]
  /** Messages that nobody has drained. */
  sent: SentMessage[]
  /** Escalations that nobody has answered. */
  asked: string[]
  next: () => number
  /** Number of the step. */
  i: number
}

const ACTS = ['request', 'inform', 'propose', 'query', 'agree', 'refuse', 'done', 'x-own'] as const

/** @throws when there is no such kind */
export function act({ hive, agent, agents, sent, asked, next, i }: Scene, kind: string): void {
  const upTo = (count: number): number => Math.floor(next() * count)
  const other = (agents[upTo(agents.length)] as Agent).agentId
  switch (kind) {
    case 'message': {
      const input = {
        to: other,
        act: ACTS[upTo(ACTS.length)] as string,
        subject: `step ${i}: grüße, "quotes" \\ and \t`,
      }
      const answer = sent.at(-1)?.id
      const more = {
        ...(answer !== undefined && i % 3 === 0 && { inReplyTo: answer }),
        ...(i % 5 === 0 && { conversation: `c-${i % 40}` }),
        ...(i % 7 === 0 && { requiresReply: i % 2 === 0 }),
      }
      sent.push(
        i % 100 === 0
          ? hive.message({ from: 'human', ...input, ...more })
          : agent.message({ ...input, ...more }),
      )
      break
    }
    case 'drain':
      if (i % 10 === 0) agent.drain(upTo(5))
      // As they are, or as they come from another process.
      else
        agent.drain(
          sent.splice(-1 - upTo(12)).map((each) => (i % 4 === 0 ? JSON.parse(JSON.stringify(each)) : each)),
        )
      break
    case 'escalate':
      asked.push(agent.escalate({ subject: `May I, at step ${i}?`, ...(i % 4 === 0 && { to: 'ana' }) }).id)
      break
    case 'usage':
      agent.usage({
        model: 'm-small',
        inputTokens: 100 + i,
        outputTokens: upTo(900),
        ...(i % 2 === 0 && { provider: 'p', cacheReadTokens: i, cacheWriteTokens: 0, costUsd: i / 1000 }),
        ...(i % 3 === 0 && { task: 't-1', decision: `d-${i}`, ms: upTo(9_000) }),
      })
      break
    case 'tool':
      if (i % 20 === 0) agent.tool({ name: 'psql', ok: false, ms: 7, error: `exit code ${i % 3}` })
      else
        agent.tool({
          name: ['grep', 'sed', 'cc'][i % 3] as string,
          ok: true,
          ...(i % 2 === 0 && { ms: upTo(50) }),
        })
      break
    case 'call':
      if (i % 25 === 0) agent.call({ host: 'api.local', method: 'POST', error: 'ECONNRESET' })
      else {
        const status = i % 10 === 0 ? 503 : 200
        agent.call({ host: 'api.local', method: 'GET', path: `/v1/items/${i}`, status, ms: upTo(80) })
      }
      break
    case 'wait':
      agent.wait({ resource: `lock-${i % 6}`, ms: upTo(2_000), ...(i % 2 === 0 && { holder: other }) })
      break
    case 'snapshot':
      agent.snapshot({ ...(i % 2 === 0 && { label: `before ${i}` }), content: `state ${i % 50}` })
      break
    case 'drop':
      agent.drop({ to: 'nobody', id: `m-${i}`, reason: 'no such agent' })
      break
    case 'plan.revised':
      agent.log('plan.revised', {
        steps: i,
        share: i / 7,
        isFinal: i % 2 === 0,
        tags: ['a', `b${i}`],
        sizes: [i, 2, 3],
        nested: { deep: [{ i }, null, 'x'] },
        empty: '',
      })
      break
    case 'session.note':
      hive.log('session.note', { i, text: 'of nobody' })
      break
    default:
      throw new Error(`there is no step for ${kind}`)
  }
}
