/** Tools that a person has to allow: a run stops, and a later one goes on with the answer, maybe in another process. */
import { readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import { itemsIn, textIn } from '../reading.js'
import type { Stage } from '../stage.js'

export class Approvals {
  #stage: Stage
  /** By the agent's span: the state of its run. */
  #states = new WeakMap<object, object>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** A run has this agent's span now. */
  stateOf(span: unknown, state: unknown): void {
    if (isObject(span) && isObject(state)) this.#states.set(span, state)
  }

  /** @returns whether the run of an agent is stopped to ask, as its span ends */
  asked(span: object, agent: Agent): boolean {
    const state = this.#states.get(span)
    const getInterruptions = readField(state, 'getInterruptions')
    if (typeof getInterruptions !== 'function') return false
    let hasAsked = false
    for (const item of itemsIn({ asked: getInterruptions.call(state) }, 'asked')) {
      const id = idOf(item)
      if (id === undefined) continue
      this.#stage.escalate(agent, id, `may ${toolOf(item)} run?`)
      hasAsked = true
    }
    return hasAsked
  }

  /**
   * @returns whether the run of an agent, as its span ends without an error, was to go on: it was aborted, or its stream
   * left
   */
  isGivenUp(span: object): boolean {
    return textIn(readField(this.#states.get(span), '_currentStep'), 'type') === 'next_step_run_again'
  }

  /** `RunState.approve` or `reject` was called with these arguments. */
  decided([item, options]: unknown[], approve: boolean): void {
    const id = idOf(item)
    if (id !== undefined) this.#stage.decide(id, approve, { note: textIn(options, 'message') })
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A call's id is the same in a state that was written down and read again. */
function idOf(item: unknown): string | undefined {
  const raw = readField(item, 'rawItem')
  return textIn(raw, 'callId') ?? textIn(raw, 'id')
}

const toolOf = (item: unknown): string =>
  textIn(item, 'toolName') ?? textIn(readField(item, 'rawItem'), 'name') ?? 'a tool'
