/** The desk: what agents ask a person, what they did just before, and what was decided. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { MAX_NOTE } from '../../decide/decision.js'
import type { Desk, SentDecision } from '../../serve/api/shapes.js'
import { floor } from '../data/floor.js'
import {
  api,
  epoch,
  follow,
  isFollowing,
  last,
  logPath,
  me,
  position,
  say,
  showAgent,
  take,
  transport,
} from '../data/store.js'
import { useAnswer, useSlowly } from '../data/use-answer.js'
import { Icon } from '../parts/icons.js'
import { PositionLink } from '../parts/place-link.js'
import { type Column, Table } from '../parts/table.js'
import { Age, Clock, clean, duration, Said } from '../parts/text.js'
import { FeedRow } from './feed-row.js'

type Question = Desk['pending'][number]
type Decided = Desk['decided'][number]

/** What this viewer did to a question. */
type Sent = { is: 'sending' | 'sent'; approve: boolean } | { is: 'refused'; why: string }

export function DeskView() {
  const isNow = isFollowing.value || position.value >= last.value
  // A decision comes into the log as an event, so the desk is asked for again when what waits changes.
  const waiting = floor.value?.pending.map(({ id }) => id).join(' ') ?? ''
  const at = isNow ? undefined : position.value
  const slow = useSlowly(isNow ? last.value : 0, 400)
  const { value, error } = useAnswer<Desk>(logPath('/desk'), { at }, `${waiting} ${slow}`)
  const [sent, setSent] = useState<Readonly<Record<string, Sent>>>({})
  const mayDecide = transport.value?.kind === 'server' && me.value?.scopes.includes('decide') === true

  const decide = async (question: Question, approve: boolean, note: string) => {
    const put = (state: Sent) => setSent((all) => ({ ...all, [question.id]: state }))
    put({ is: 'sending', approve })
    try {
      const body = { id: question.id, approve, ...(note !== '' && { note }) }
      const { status, value: answer } = await api().send('POST', logPath('/decisions'), body)
      if (status < 300) {
        put({ is: 'sent', approve })
        say(`${approve ? 'Approved' : 'Rejected'}: sent`)
      } else {
        const { error: why, earlier } = (answer ?? {}) as { error?: string; earlier?: SentDecision }
        const by =
          earlier === undefined
            ? ''
            : ` ${earlier.by} ${earlier.approve ? 'approved' : 'rejected'} it before.`
        put({ is: 'refused', why: `${why ?? `The server says ${status}.`}${by}` })
      }
    } catch (failed) {
      put({ is: 'refused', why: take(failed)?.message ?? 'It was not sent.' })
    }
    epoch.value++
  }
  const decided = value?.decided
  const recorded = useMemo(() => new Set(decided?.map(({ id }) => id)), [decided])
  useEffect(() => {
    for (const [id, state] of Object.entries(sent)) {
      if (state.is !== 'sent' || !recorded.has(id)) continue
      say(`${state.approve ? 'Approval' : 'Rejection'} recorded`)
      setSent(({ [id]: _, ...rest }) => rest)
    }
  }, [recorded, sent])

  return (
    <section class="desk" aria-label="Desk">
      <div class="report-head">
        <h1>Desk</h1>
        {!isNow && (
          <p class="soft">
            As it was at {position.value}.{' '}
            <button type="button" class="link" onClick={follow}>
              Now
            </button>
          </p>
        )}
      </div>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      {value !== undefined && value.pending.length === 0 && (
        <p class="nothing calm">
          <Icon name="desk" /> Nothing waits for a person.
        </p>
      )}
      <div class="questions">
        {value?.pending.map((question) => (
          <QuestionCard
            key={question.id}
            question={question}
            sent={sent[question.id]}
            can={isNow && mayDecide}
            why={whyNot(isNow, mayDecide)}
            decide={(approve, note) => decide(question, approve, note)}
          />
        ))}
      </div>
      {value !== undefined && value.decided.length > 0 && (
        <>
          <h2>Decided</h2>
          <Table
            caption="Decided"
            columns={COLUMNS}
            rows={value.decided}
            keyOf={({ id, decidedPosition }) => `${id} ${decidedPosition}`}
          />
        </>
      )}
    </section>
  )
}

function whyNot(isNow: boolean, may: boolean): string {
  if (transport.value?.kind === 'report') return 'This is a report: decide where the hive runs.'
  if (!isNow) return 'The past cannot be decided; go to now.'
  return may ? '' : 'Your token may look, not decide: it needs the scope decide.'
}

function QuestionCard(props: {
  question: Question
  sent: Sent | undefined
  can: boolean
  why: string
  decide(approve: boolean, note: string): void
}) {
  const { question, sent, can, why, decide } = props
  const [note, setNote] = useState('')
  const id = `ask-${encodeURIComponent(question.id)}`
  const given = question.sent
  const isOn = sent?.is === 'sending' || sent?.is === 'sent' || given !== undefined
  const isBlocked = !can || isOn
  return (
    <article class="question" aria-labelledby={`${id}-subject`}>
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
          onClick={() => decide(true, note.trim())}
        >
          Approve
        </button>
        <button
          type="button"
          class="reject"
          aria-describedby={`${id}-subject`}
          disabled={isBlocked}
          onClick={() => decide(false, note.trim())}
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
        ) : (
          why
        )}
      </p>
    </article>
  )
}

const COLUMNS: readonly Column<Decided>[] = [
  {
    name: 'decision',
    by: ({ approve }) => String(approve),
    cell: ({ approve }) => (
      <span class={approve ? 'verdict good' : 'verdict bad'}>{approve ? '✔ approved' : '✘ rejected'}</span>
    ),
  },
  { name: 'question', cell: ({ subject, id }) => <Said text={subject ?? id} most={300} /> },
  {
    name: 'asked by',
    by: ({ from }) => from ?? '',
    cell: ({ from }) =>
      from === undefined ? (
        '—'
      ) : (
        <button type="button" class="link" onClick={() => showAgent(from)}>
          <Said text={from} most={60} />
        </button>
      ),
  },
  {
    name: 'decided by',
    by: ({ by }) => by ?? '',
    cell: ({ by, via }) => (
      <>
        <Said text={by ?? 'not told'} most={60} />
        {via !== undefined && <small class="soft"> {clean(via)}</small>}
      </>
    ),
  },
  { name: 'note', cell: ({ note }) => (note === undefined ? '' : <Said text={note} most={300} />) },
  {
    name: 'after',
    isNumber: true,
    by: ({ askedTs, decidedTs }) => decidedTs - askedTs,
    cell: ({ askedTs, decidedTs }) => duration(Math.max(0, decidedTs - askedTs)),
  },
  {
    name: 'at',
    isNumber: true,
    by: ({ decidedTs }) => decidedTs,
    cell: ({ decidedTs }) => <Clock ts={decidedTs} />,
  },
  {
    name: 'lines',
    cell: ({ askedPosition, decidedPosition }) => (
      <>
        <PositionLink at={askedPosition} /> → <PositionLink at={decidedPosition} />
      </>
    ),
  },
]
