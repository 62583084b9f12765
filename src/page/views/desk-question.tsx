/** A question on the desk: who asks what, for how long, what it did before, and the buttons. */
import { useRef, useState } from 'preact/hooks'
import { MAX_NOTE } from '../../decide/decision.js'
import type { Desk } from '../../serve/api/shapes.js'
import { showAgent } from '../data/store.js'
import { Icon } from '../parts/icons.js'
import { PositionLink } from '../parts/place-link.js'
import { Age, Clock, clean, Said } from '../parts/text.js'
import type { Sent } from './desk-sent.js'
import { FeedRow } from './feed-row.js'

type Question = Desk['pending'][number]

export function QuestionCard(props: {
  question: Question
  sent: Sent | undefined
  can: boolean
  /** Why it cannot be decided, where it cannot. */
  why: string
  /** Whether it came to where it is a moment ago, so that a pointer there may have meant another one. */
  hasJustMoved(): boolean
  decide(approve: boolean, note: string): void
}) {
  const { question, sent, can, why } = props
  const [note, setNote] = useState('')
  const id = `ask-${encodeURIComponent(question.id)}`
  const given = question.sent
  const isOn = sent?.is === 'sending' || sent?.is === 'sent' || given !== undefined
  const isBlocked = !can || isOn
  const card = useRef<HTMLElement>(null)
  const [isMissed, setMissed] = useState(false)
  const decide = (approve: boolean, { detail: clicks }: MouseEvent) => {
    // The keyboard goes with the question, and counts no clicks.
    const isMeant = clicks === 0 || !props.hasJustMoved()
    setMissed(!isMeant)
    if (!isMeant) return
    // A button that is not there any more would leave the keyboard nowhere.
    card.current?.focus()
    props.decide(approve, note.trim())
  }
  return (
    <article
      ref={card}
      class="question"
      tabIndex={-1}
      aria-labelledby={`${id}-subject`}
      data-question={question.id}
    >
      <div class="question-head">
        <span class="age">
          <Icon name="person" />
          waits <Age ts={question.ts} />
        </span>
        {question.from !== undefined && (
          <button type="button" class="link" onClick={() => showAgent(question.from ?? '')}>
            <Said text={question.from} most={100} />
          </button>
        )}
        <span class="soft">
          <Clock ts={question.ts} /> · <PositionLink at={question.position} />
        </span>
      </div>
      <h2 class="subject" id={`${id}-subject`}>
        <Said text={question.subject ?? 'no subject'} most={8_192} />
      </h2>
      {question.before.length > 0 && (
        <details open>
          <summary>What it did before</summary>
          <ol class="before">
            {question.before.map((placed) => (
              <li key={placed.position}>
                <FeedRow at={placed.position} placed={placed} isShort />
              </li>
            ))}
          </ol>
        </details>
      )}
      <div class="answer">
        <label>
          <span class="visually-hidden">Note</span>
          <input
            type="text"
            placeholder="Note (goes into the log)"
            value={note}
            maxLength={MAX_NOTE}
            disabled={isBlocked}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </label>
        <button
          type="button"
          class="approve"
          aria-describedby={`${id}-subject`}
          disabled={isBlocked}
          onClick={(event) => decide(true, event)}
        >
          Approve
        </button>
        <button
          type="button"
          class="reject"
          aria-describedby={`${id}-subject`}
          disabled={isBlocked}
          onClick={(event) => decide(false, event)}
        >
          Reject
        </button>
      </div>
      <p class="outcome" role="status">
        {given !== undefined ? (
          <>
            <b>sent</b>: {given.approve ? 'approved' : 'rejected'} by <Said text={given.by} most={100} />; the
            hive has not written it down yet
          </>
        ) : sent?.is === 'refused' ? (
          <span class="bad">{clean(sent.why)}</span>
        ) : isOn ? (
          <b>{sent?.is === 'sending' ? 'sending…' : 'sent'}</b>
        ) : isMissed ? (
          'This question had just moved here, so nothing was sent: look, and click again.'
        ) : (
          why
        )}
      </p>
    </article>
  )
}
