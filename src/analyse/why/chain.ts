/** The chain from an event back to its origin: of several causes the likeliest is followed, the others are told. */

import { keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { PlacedEvent } from '../show/places.js'
import { isAsking } from '../talk/asks.js'
import type { Cause, CauseNode, Origin, Relation } from './causes.js'

/** A link of the chain: an event that the one before it came about through. */
export interface WhyStep extends PlacedEvent {
  /** How the event before it in the list came about through this one; left out at the event that was asked for. */
  how?: Relation
  /** Ids name it as the cause; else it is the likeliest. Left out at the event that was asked for. */
  certain?: boolean
  /** What else the drain took or the agent had done, and that may have caused the event before it too: at most 20. */
  also?: PlacedEvent[]
}

/** Why the chain ends: see `Origin`; `depth`: no further link was asked for; `loop`: it would come round again. */
export type ChainEnd = Origin | 'depth' | 'loop'

/** What an event came about through, back to its origin. */
export interface Chain {
  /** From the event that was asked for back to its origin. */
  steps: WhyStep[]
  /** Why nothing comes before the last step. */
  end: ChainEnd
}

export function chainFrom(start: CauseNode, depth: number): Chain {
  const steps: WhyStep[] = [{ place: start.place, event: start.event }]
  const seen = new Set([start])
  let node = start
  let before: CauseNode | undefined
  let via: CauseNode | undefined
  for (;;) {
    const causes = via === undefined ? node.causes : first(node.causes, via)
    const cause = via === undefined ? likeliest(causes, before) : causes[0]
    if (cause === undefined) return { steps, end: node.origin }
    if (seen.has(cause.node)) return { steps, end: 'loop' }
    if (steps.length > depth) return { steps, end: 'depth' }
    seen.add(cause.node)
    const others = causes.filter((each) => each !== cause)
    const isGuess = cause.how === 'took' && via === undefined && others.length > 0
    const step: WhyStep = {
      place: cause.node.place,
      event: cause.node.event,
      how: cause.how,
      certain: cause.certain && !isGuess,
    }
    // What a reply names leaves no question.
    if (others.length > 0 && cause.how !== 'reply') {
      step.also = others.map(({ node: { place, event } }) => ({ place, event }))
    }
    steps.push(step)
    via = cause.via
    before = node
    node = cause.node
  }
}

/** The message that is meant, before the others of its drain. */
function first(causes: readonly Cause[], via: CauseNode): Cause[] {
  const named = causes.find(({ node }) => node === via)
  return [named ?? { node: via, how: 'took', certain: true }, ...causes.filter((each) => each !== named)]
}

/**
 * Of the messages of a drain: one of the same conversation as what came of it, else one whose sender that goes to,
 * else one that asks for something; of several the latest.
 */
function likeliest(causes: readonly Cause[], before: CauseNode | undefined): Cause | undefined {
  if (before === undefined || causes[0]?.how !== 'took') return causes[0]
  const { conversation, to } = before.event as Fields
  const same = keyOf(conversation)
  const back = keyOf(to)
  return (
    causes.find(({ node }) => same !== undefined && node.conversation === same) ??
    causes.find(({ node }) => back !== undefined && node.from === back) ??
    causes.find(({ node }) => isAsking(node.event as Fields)) ??
    causes[0]
  )
}
