/** Events to state and to what each changes: the model of the hive (`src/model`), told in plain data. */
import type { HiveEvent } from '../../format/kinds.js'
import { checkOptions } from '../../format/options.js'
import type { Agent } from '../../model/agents.js'
import type { Inbox } from '../../model/inbox.js'
import type { HiveListener } from '../../model/listener.js'
import { type HiveEntry, HiveModel, type ModelOptions, type StoredState } from '../../model/model.js'
import { type Listed, totalsState } from '../../model/plain.js'
import type { AgentStatus, HiveState } from '../../model/state.js'
import { REDUCER_RULES } from '../options.js'
import type { OnChange } from './changes.js'

/** What `StateReducer` takes. */
export type ReducerOptions = Pick<ModelOptions, 'price' | 'firstLog'>

/** Makes the state of a hive from its events, one by one, in their order. */
export class StateReducer {
  /** What the events are applied to. */
  readonly model: HiveModel

  /**
   * @param from state to go on from. Default: that of an empty log
   * @param onChange told what each event changes
   * @param options what calls cost, and the path of the first log where the hive is read from several
   * @throws {OptionsError} when an option is none, or has a value that it cannot have
   */
  constructor(from?: StoredState, onChange?: OnChange, options: ReducerOptions = {}) {
    checkOptions('StateReducer', options, REDUCER_RULES)
    let model: HiveModel | undefined
    const listener = onChange === undefined ? {} : telling(onChange, () => model as HiveModel)
    model = new HiveModel({ ...options, listener }, from)
    this.model = model
  }

  /** The last event that was applied; of several logs, the last of the first one. */
  get seq(): number {
    return this.model.seq
  }

  /** The state now: a copy that later events leave alone. */
  state(): HiveState {
    return this.model.state()
  }

  /**
   * The state now, of which some parts live on: for whoever writes it down at once.
   * @param listed which of the messages that wait are listed. Default: all that are held
   */
  view(listed?: Listed): HiveState {
    return this.model.view(listed)
  }

  /** A line that is no event. */
  malformed(): void {
    this.model.malformed()
  }

  /**
   * Counts an event in. Throws nothing, whatever the event holds.
   * @param seq its position in its log
   */
  apply(event: HiveEvent, seq: number): void {
    this.model.add({ event, seq })
  }

  /** As `apply`, for who knows the place of the line. */
  add(entry: HiveEntry): void {
    this.model.add(entry)
  }
}

/** Tells a listener's changes in plain data. */
function telling(onChange: OnChange, model: () => HiveModel): HiveListener {
  const status = ({ id: agentId, status: to }: Agent, from: AgentStatus | undefined): void => {
    if (from !== to) onChange({ type: 'status', agentId, ...(from !== undefined && { from }), to })
  }
  const bounced = ({ recipient, waiting }: Inbox): void =>
    onChange({ type: 'inbox', recipient, before: waiting + 1, waiting })
  return {
    // A life that begins is told even where the one before had no end.
    spawned: ({ id: agentId, status: to }, from) =>
      onChange({ type: 'status', agentId, ...(from !== undefined && { from }), to }),
    seen: ({ id: agentId, status: to }) => onChange({ type: 'status', agentId, to }),
    ended: status,
    lost: status,
    aside: status,
    renamed: ({ id: agentId, name: to }, from) => onChange({ type: 'name', agentId, from, to }),
    role: ({ id: agentId, role }, from) =>
      onChange({ type: 'role', agentId, ...(from !== undefined && { from }), to: role as string }),
    delivered: ({ recipient, waiting }) =>
      onChange({ type: 'inbox', recipient, before: waiting - 1, waiting }),
    drained: (_, { recipient, waiting }, __, before) => {
      if (waiting !== before) onChange({ type: 'inbox', recipient, before, waiting })
    },
    bounced,
    bouncedUnheld: bounced,
    escalated: ({ id }, early, again) => {
      const pending = model().escalations.size
      onChange({ type: 'pending', id, delta: early === undefined && !again ? 1 : 0, pending })
    },
    answered: (id, answer) => {
      const pending = model().escalations.size
      onChange({ type: 'pending', id, delta: answer === 'decides' ? -1 : 0, pending })
    },
    used: (agent) => {
      if (agent?.usage === undefined) return
      const hive = totalsState(model().usage)
      onChange({ type: 'usage', agentId: agent.id, agent: totalsState(agent.usage), hive })
    },
    lostEvents: (events) => onChange({ type: 'lost', events, total: model().lostEvents }),
  }
}
