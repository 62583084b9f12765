/** What became of this viewer's decisions: sent until the log has a line, and then recorded, or overtaken. */
import type { Desk, SentDecision } from '../../serve/api/shapes.js'
import { Icon } from '../parts/icons.js'
import { PositionLink } from '../parts/place-link.js'
import { Clock, clean, Said } from '../parts/text.js'

/** What this viewer did to a question that waits still. */
export type Sent =
  | { is: 'sending'; approve: boolean }
  | { is: 'sent'; decision: SentDecision; position: number }
  | { is: 'refused'; why: string }

/** The decision that holds, and whether it is this viewer's. */
export interface Outcome {
  id: string
  subject: string | undefined
  isOwn: boolean
  made: { approve: boolean; by?: string | undefined; via?: string | undefined; ts: number }
  /** Position of its line, where that is known. */
  position?: number
}

/** What the log says of a decision that was sent; `undefined` while it says nothing. */
export function outcomeOf(id: string, sent: Sent, decided: Desk['decided']): Outcome | undefined {
  if (sent.is !== 'sent') return undefined
  // The same may have been asked, and decided, before.
  const found = decided.find((each) => each.id === id && each.askedPosition === sent.position)
  if (found === undefined) return undefined
  const { subject, approve, by, via, decidedTs: ts, decidedPosition: position } = found
  const { decision } = sent
  const isOwn = via === decision.via && by === decision.by && approve === decision.approve
  return { id, subject, isOwn, made: { approve, by, via, ts }, position }
}

export const verdictOf = ({ approve }: { approve: boolean }): string => (approve ? 'approved' : 'rejected')

export function Outcomes(props: { outcomes: readonly Outcome[]; dismiss(outcome: Outcome): void }) {
  return (
    <ul class="outcomes" aria-label="Your decisions">
      {props.outcomes.map((outcome) => (
        <li key={`${outcome.id} ${outcome.made.ts}`} class={outcome.isOwn ? 'own' : 'overtaken'}>
          <p>
            <OutcomeText {...outcome} />
          </p>
          <button type="button" class="link" onClick={() => props.dismiss(outcome)}>
            Dismiss
          </button>
        </li>
      ))}
    </ul>
  )
}

function OutcomeText({ id, subject, isOwn, made, position }: Outcome) {
  const { by, via, ts } = made
  const question = <Said text={subject ?? id} most={160} />
  const line = position !== undefined && (
    <>
      , line <PositionLink at={position} />
    </>
  )
  if (isOwn)
    return (
      <>
        <b>recorded</b>: you {verdictOf(made)} “{question}”{line}
      </>
    )
  return (
    <>
      <Icon name="person" /> <b>decided before you</b>: <Said text={by ?? 'somebody'} most={60} />
      {via !== undefined && ` (${clean(via)})`} {verdictOf(made)} “{question}” at <Clock ts={ts} />
      {line}
    </>
  )
}
