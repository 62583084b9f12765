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

  /** What the run of an agent whose span ends is stopped by. */
  asked(span: object, agent: Agent): void {
    const state = this.#states.get(span)
    const getInterruptions = readField(state, 'getInterruptions')
    if (typeof getInterruptions !== 'function') return
    for (const item of itemsIn({ asked: getInterruptions.call(state) }, 'asked')) {
      const id = idOf(item)
      if (id === undefined) continue
      this.#stage.escalate(agent, id, `may ${toolOf(item)} run?`)
    }
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
