/** Who is told what an event changes in a hive. */
import type { Agent } from './agents.js'
import type { Answer, EarlyApproval, Escalation, Matter } from './escalations.js'
import type { Inbox, Message } from './inbox.js'
import type { AgentStatus } from './state.js'

/**
 * Takes what an event changes, as it does, while `model.entry` is that event. What is not wanted is left out, and
 * costs nothing. The objects live on, and change: copy what is to be kept, and change none of them.
 */
export interface HiveListener {
  /** A life began. `before` is what the agent was before it; `undefined` where it was not known. */
  spawned?(agent: Agent, before: AgentStatus | undefined): void
  /** A spawn that begins no life: the process that the agent is tells it in a log of its own. */
  wentOn?(agent: Agent): void
  /** An agent that was never spawned is known from its first event, which this is. */
  seen?(agent: Agent): void
  /** Its `exit`. `before` is `lost` where somebody records the end of a lost agent after all. */
  ended?(agent: Agent, before: AgentStatus): void
  /** The event is another writer's `log.open`, or an `app-start`: whom the one before left alive is gone. */
  lost?(agent: Agent, before: AgentStatus): void
  /** It was archived, held, or taken back. */
  aside?(agent: Agent, before: AgentStatus): void
  renamed?(agent: Agent, before: string): void
  role?(agent: Agent, before: string | undefined): void
  /** There are too many agents: this one is forgotten, and its inbox with it. */
  forgotten?(agent: Agent): void
  /** A message went into an inbox. Called for each that it went into. */
  delivered?(inbox: Inbox, message: Message): void
  /** A message came that a drain, which came before it in the story, had taken from this inbox. */
  deliveredLate?(inbox: Inbox, message: Message): void
  /** A drain took these, of which some may not be held; `before` is how many waited. */
  drained?(agent: Agent, inbox: Inbox, taken: readonly Message[], before: number): void
  /** A `drop` took a message out of an inbox again. */
  bounced?(inbox: Inbox, message: Message): void
  /** The same of a message that the inbox did not hold. */
  bouncedUnheld?(inbox: Inbox): void
  /**
   * `early` is the approval that decides it at once; else it is pending now. `again`: it was pending before. `earlier` is
   * what was escalated under its id before, pending or decided, as far as that is remembered.
   */
  escalated?(
    escalation: Escalation,
    early: EarlyApproval | undefined,
    again: boolean,
    matter: Matter,
    earlier: Matter | undefined,
  ): void
  /**
   * An approval. `escalation` is the pending one that it is about, where that is held. `matter` is what it is about, also
   * where that was decided before, or nobody has asked yet.
   */
  answered?(
    id: string,
    answer: Answer,
    approve: unknown,
    escalation: Escalation | undefined,
    matter: Matter,
  ): void
  /** A model call, what it cost (`undefined`: no price is known), and whose it was, where the event says so. */
  used?(agent: Agent | undefined, costUsd: number | undefined): void
  snapshot?(agent: Agent): void
  /** A `log.gap` tells of so many lost events. */
  lostEvents?(events: number): void
}
