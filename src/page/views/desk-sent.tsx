/** What became of this viewer's decisions: sent until the log has a line, and then recorded, or overtaken. */
import type { Desk, SentDecision } from '../../serve/api/shapes.js'
import { Icon } from '../parts/icons.js'
import { PositionLink } from '../parts/place-link.js'
import { Clock, clean, Said } from '../parts/text.js'

/** What this viewer did to a question that waits still, and its position: an id can be used again for another. */
export type Sent = { position: number } & (
  | { is: 'sending'; approve: boolean }
  | { is: 'sent'; decision: SentDecision }
  | { is: 'refused'; why: string }
)

/** What is to be said of that at the question which waits now under the same id. */
export function sentFor(question: Desk['pending'][number], sent: Sent | undefined): Sent | undefined {
  if (sent === undefined || sent.position === question.position) return sent
  if (sent.is === 'refused' || question.sent !== undefined) return undefined
  const why =
    'This was asked since under the same id; what you decided was of the question before. Look, and decide.'
  return { is: 'refused', position: question.position, why }
}

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
  const found = decided.find((each) => each.id === id && isAbout(each, sent))
  if (found === undefined) return undefined
  const { subject, approve, by, via, decidedTs: ts, decidedPosition: position } = found
  const { decision } = sent
  const isOwn = via === decision.via && by === decision.by && approve === decision.approve
  return { id, subject, isOwn, made: { approve, by, via, ts }, position }
}

/** It decides the question that was meant, or the same that was asked anew: then by when it was given. */
function isAbout(each: Desk['decided'][number], sent: Sent & { is: 'sent' }): boolean {
  const { askedPosition, decidedAt = each.decidedTs } = each
  if (askedPosition === sent.position) return true
  const { via, by, approve, ts } = sent.decision
  const isOwn = each.via === via && each.by === by && each.approve === approve
  return isOwn && askedPosition > sent.position && Math.abs(decidedAt - ts) <= 1_000
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
