/**
 * Who a request belongs to, and how what is known of it becomes a line of that agent: at the end of the turn in which it
 * is known, so that the client need not wait for that, yet where it stands among all that is recorded.
 */
import { INVALID_SPAN_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import type { KindFields } from '../../format/kinds.js'
import type { Agent } from '../../hive/agent.js'
import type { CallInput } from '../../hive/inputs.js'
import type { Life, Owner } from '../../record/owners.js'
import { addSeen } from '../../record/usage-once.js'
import type { Stage } from '../stage.js'
import type { OutgoingRequest } from './requests.js'

/** Whoever sees the wire is one source: `fetch` is no second one beside the client that calls it. */
const SOURCE = 'hivelog http'

/** A model call, as far as it is known. */
export type UsageSeen = Omit<KindFields['usage'], 'agentId'>

/** When something happened, epoch milliseconds. */
export interface Times {
  startTs: number
  endTs: number
}

let last: Teller | undefined

export class Teller {
  #stage: Stage
  #request: OutgoingRequest
  /** The agent in whose run the request was sent. */
  #running: Agent | undefined
  #context: SpanContext
  /** Of the span in which it was sent: whose that is may show only later. */
  #owner: Owner | undefined

  private constructor(stage: Stage, request: OutgoingRequest) {
    this.#stage = stage
    this.#request = request
    this.#context = trace.getSpanContext(request.context) ?? INVALID_SPAN_CONTEXT
    this.#running = stage.located()
    if (this.#running === undefined) this.#owner = stage.hive.recorder.owners.of(this.#context)
  }

  /** Of the agent in whose run the present code is, which sends the request. */
  static of(stage: Stage, request: OutgoingRequest): Teller {
    // All who follow a request ask for it one after the other.
    if (last === undefined || last.#request !== request || last.#stage !== stage) {
      last = new Teller(stage, request)
    }
    return last
  }

  /**
   * Has something told when this turn is over, after all that was recorded until now and before what is later.
   * @param now epoch milliseconds
   * @param bytes memory that is kept for it until then
   */
  later(now: number, tell: () => void, bytes = 0): void {
    const { hive } = this.#stage
    if (hive.isBegun || this.#known() !== undefined) hive.recorder.after(now, tell, bytes)
    else {
      // The agent that the process is may begin with it, and no later than this.
      hive.recorder.settle()
      tell()
    }
  }

  /** A query of an external API, if nobody else told of it. */
  call(call: CallInput, { startTs, endTs }: Times): void {
    const now = Date.now()
    this.later(now, () => {
      const { recorder } = this.#stage.hive
      const { host, method, path } = call
      if (!recorder.callOnce.isNew({ source: SOURCE, host, method, path, startTs, endTs })) return
      const agent = this.#whose()
      if ('asTold' in agent) agent.asTold('call', call, now)
      else this.#write('call', endTs, call, agent)
    })
  }

  /**
   * A model call, told at once. It waits a moment for somebody who knows more of it: whose it is, above all.
   */
  usage(usage: UsageSeen, { startTs, endTs }: Times): void {
    const { hive } = this.#stage
    const { model, inputTokens, outputTokens, responseId, error } = usage
    const isFailed = error !== undefined
    const isOfSpan = this.#owner?.life !== undefined
    const announced = isOfSpan ? undefined : this.#stage.announced(model, isFailed, this.#running)
    const agent = announced ?? this.#whose()
    const life = 'life' in agent ? agent.life : agent
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
        isFailed,
        // Who announced it knows no more.
        mayWait: announced === undefined,
        known: { ...usage },
      },
      (seen) => {
        const fields = { ...usage }
        addSeen(fields, seen)
        if ('asTold' in agent) agent.asTold('usage', fields, endTs)
        else this.#write('usage', endTs, fields, life)
      },
    )
  }

  #whose(): Agent | Life {
    return this.#known() ?? this.#stage.implicit()
  }

  /** Work of an agent that has ended meanwhile is nobody's any more. */
  #known(): Agent | Life | undefined {
    if (this.#running !== undefined && !this.#running.ended) return this.#running
    const life = this.#owner?.life
    if (life === undefined) return undefined
    const { hive } = this.#stage
    const agent = hive.agents.get(life.agentId)
    if (agent?.life === life && !agent.ended) return agent
    return hive.recorder.owners.isLiving(life.agentId, life.session) ? life : undefined
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
