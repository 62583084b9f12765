/** Who a request belongs to, and how what is known of it becomes a line of that agent. */
import { context, INVALID_SPAN_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import type { KindFields } from '../../format/kinds.js'
import type { Agent } from '../../hive/agent.js'
import type { CallInput } from '../../hive/inputs.js'
import type { Life, Owner } from '../../record/owners.js'
import type { Stage } from '../stage.js'

/** Whoever sees the wire is one source: `fetch` is no second one beside the client that calls it. */
const SOURCE = 'hivelog http'

/** A model call, as far as it is known. */
export type UsageSeen = Omit<KindFields['usage'], 'agentId'>

/** When something happened, epoch milliseconds. */
export interface Times {
  startTs: number
  endTs: number
}

export class Teller {
  #stage: Stage
  /** The agent of an adapter in whose run the request was sent. */
  #running: Agent | undefined
  #context: SpanContext
  /** Of the span in which it was sent: whose that is may show only later. */
  #owner: Owner | undefined

  /** Of the agent in whose run the present code is. */
  constructor(stage: Stage) {
    this.#stage = stage
    this.#context = trace.getSpanContext(context.active()) ?? INVALID_SPAN_CONTEXT
    const running = stage.running.getStore()
    if (running !== undefined && !running.ended) this.#running = running
    else this.#owner = stage.hive.recorder.owners.of(this.#context)
  }

  /** A query of an external API, if nobody else told of it. */
  call(call: CallInput, { startTs, endTs }: Times): void {
    const { recorder } = this.#stage.hive
    const { host, method, path } = call
    if (!recorder.callOnce.isNew({ source: SOURCE, host, method, path, startTs, endTs })) return
    const agent = this.#whose()
    if ('call' in agent) agent.call(call)
    else this.#write('call', endTs, call, agent)
  }

  /**
   * A model call. It waits a moment for somebody who knows more of it: whose it is, above all.
   * @param responseId of an answer that failed, by which others may know it
   */
  usage(usage: UsageSeen, { startTs, endTs }: Times, responseId = usage.responseId): void {
    const { hive } = this.#stage
    const nobodys = this.#running === undefined && this.#owner?.life === undefined
    const announced = nobodys ? this.#stage.announced(usage.model) : undefined
    const agent = announced ?? this.#whose()
    const life = 'life' in agent ? agent.life : agent
    const { model, inputTokens, outputTokens, error } = usage
    hive.recorder.usageOnce.tell(
      {
        source: SOURCE,
        startTs,
        endTs,
        agentId: life.agentId,
        session: life.session,
        isImplicit: life.isImplicit,
        responseId,
        model,
        inputTokens,
        outputTokens,
        isFailed: error !== undefined,
        // Who announced it knows no more.
        mayWait: announced === undefined,
        known: { ...usage },
      },
      () => {
        if ('usageAsTold' in agent) agent.usageAsTold(usage)
        else this.#write('usage', endTs, usage, life)
      },
    )
  }

  /** Work of an agent that has ended meanwhile is nobody's any more. */
  #whose(): Agent | Life {
    if (this.#running !== undefined && !this.#running.ended) return this.#running
    const life = this.#owner?.life
    if (life === undefined) return this.#stage.implicit()
    const { hive } = this.#stage
    const agent = hive.agents.get(life.agentId)
    if (agent?.life === life && !agent.ended) return agent
    return hive.recorder.owners.isLiving(life.agentId, life.session) ? life : this.#stage.implicit()
  }

  #write(kind: string, ts: number, fields: object, life: Life): void {
    this.#stage.hive.recorder.write(
      ts,
      kind,
      { agentId: life.agentId, ...fields },
      {
        context: this.#context,
        session: life.session,
        life,
      },
    )
  }
}
