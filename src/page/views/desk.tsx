/** The desk: what agents ask a person, what they did just before, and what was decided. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
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
  take,
  transport,
} from '../data/store.js'
import { useAnswer, useSlowly } from '../data/use-answer.js'
import { Icon } from '../parts/icons.js'
import { clean, counted, grouped } from '../parts/text.js'
import { DecidedTable } from './desk-decided.js'
import { QuestionCard } from './desk-question.js'
import { type Outcome, Outcomes, outcomeOf, type Sent, sentFor, verdictOf } from './desk-sent.js'

type Question = Desk['pending'][number]

/** Outcomes that are shown at a time. */
const MAX_OUTCOMES = 5
/** How long a question that moved takes no click: as long as people need to see it, and the second half of a double click. */
const SETTLED_MS = 500

export function DeskView() {
  const isNow = isFollowing.value || position.value >= last.value
  // A decision comes into the log as an event, so the desk is asked for again when what waits changes.
  const waiting = floor.value?.pending.map(({ id }) => id).join(' ') ?? ''
  const at = isNow ? undefined : position.value
  const slow = useSlowly(isNow ? last.value : 0, 400)
  const { value, error } = useAnswer<Desk>(logPath('/desk'), { at }, `${waiting} ${slow}`)
  const mayDecide = transport.value?.kind === 'server' && me.value?.scopes.includes('decide') === true
  const { sent, outcomes, decide, dismiss } = useDeciding(value)
  const questions = useRef<HTMLDivElement>(null)
  useKeptFocus(value, questions)
  const hasJustMoved = useMoves(questions)
  const all = floor.value?.pending.length ?? 0
  const pending = value?.pending ?? []

  return (
    <section class="desk" aria-label="Desk">
      <div class="report-head">
        <h1 tabIndex={-1}>Desk</h1>
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
      {outcomes.length > 0 && <Outcomes outcomes={outcomes} dismiss={dismiss} />}
      {value !== undefined && pending.length === 0 && (
        <p class="nothing calm">
          <Icon name="desk" /> Nothing waits for a person.
        </p>
      )}
      {isNow && all > pending.length && pending.length > 0 && (
        <p class="soft">
          {counted(all, 'question')} wait; the oldest {grouped(pending.length)} are shown.
        </p>
      )}
      <div class="questions" ref={questions} role="group" aria-label="Pending" onKeyDown={walk}>
        {pending.map((question) => (
          <QuestionCard
            key={question.id}
            question={question}
            sent={sentFor(question, sent[question.id])}
            can={isNow && mayDecide}
            why={whyNot(isNow, mayDecide)}
            hasJustMoved={() => hasJustMoved(question.id)}
            decide={(approve, note) => decide(question, approve, note)}
          />
        ))}
      </div>
      {value !== undefined && value.decided.length > 0 && <DecidedTable decided={value.decided} />}
    </section>
  )
}

/** What this viewer decides, and what becomes of it. */
function useDeciding(desk: Desk | undefined) {
  const [sent, setSent] = useState<Readonly<Record<string, Sent>>>({})
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([])
  const came = (outcome: Outcome) => {
    const { isOwn, made, id } = outcome
    say(
      isOwn ? `Recorded: ${verdictOf(made)}` : `${clean(made.by ?? 'Somebody')} ${verdictOf(made)} it before`,
    )
    setOutcomes((all) => [outcome, ...all].slice(0, MAX_OUTCOMES))
    setSent(({ [id]: _, ...rest }) => rest)
  }
  const decide = async (question: Question, approve: boolean, note: string) => {
    const { id, subject, position, question: named } = question
    const put = (state: Sent) => setSent((all) => ({ ...all, [id]: state }))
    put({ is: 'sending', position, approve })
    try {
      const body = {
        id,
        approve,
        ...(note !== '' && { note }),
        ...(named !== undefined && { question: named }),
      }
      const { status, value: answer } = await api().send('POST', logPath('/decisions'), body)
      const said = (answer ?? {}) as { error?: string; earlier?: SentDecision; decision?: SentDecision }
      if (status < 300 && said.decision !== undefined) {
        put({ is: 'sent', decision: said.decision, position })
        say(`${approve ? 'Approved' : 'Rejected'}: sent`)
      } else if (said.earlier !== undefined) came({ id, subject, isOwn: false, made: said.earlier })
      else put({ is: 'refused', position, why: said.error ?? `The server says ${status}.` })
    } catch (failed) {
      put({ is: 'refused', position, why: take(failed)?.message ?? 'It was not sent.' })
    }
    epoch.value++
  }
  const decided = desk?.decided
  useEffect(() => {
    for (const [id, state] of Object.entries(sent)) {
      const outcome = decided && outcomeOf(id, state, decided)
      if (outcome !== undefined) came(outcome)
    }
  }, [decided, sent])
  const dismiss = (outcome: Outcome) => setOutcomes((all) => all.filter((each) => each !== outcome))
  return { sent, outcomes, decide, dismiss }
}

/** When the question goes on which the keyboard is, it goes on at the next one. */
function useKeptFocus(desk: Desk | undefined, questions: { current: HTMLDivElement | null }): void {
  const kept = useRef<number | undefined>(undefined)
  const cards = (): HTMLElement[] =>
    Array.from(questions.current?.querySelectorAll<HTMLElement>('article') ?? [])
  const here = cards().findIndex((card) => card.contains(document.activeElement))
  if (here >= 0) kept.current = here
  useEffect(() => {
    const was = kept.current
    kept.current = undefined
    if (was === undefined || document.activeElement !== document.body) return
    const now = cards()
    const next = now[Math.min(was, now.length - 1)] ?? questions.current?.parentElement?.querySelector('h1')
    next?.focus()
  }, [desk])
}

/**
 * Whether a question moved within the last moment, as questions above it went or what was decided was told there.
 * Scrolling is no move: who scrolls sees it.
 */
function useMoves(questions: { current: HTMLDivElement | null }): (id: string) => boolean {
  const places = useRef(new Map<string, { top: number; movedAt: number }>())
  useLayoutEffect(() => {
    const now = new Map<string, { top: number; movedAt: number }>()
    for (const card of questions.current?.querySelectorAll<HTMLElement>('article') ?? []) {
      const { offsetTop: top, dataset } = card
      const id = dataset.question ?? ''
      const before = places.current.get(id)
      const isMoved = before !== undefined && before.top !== top
      now.set(id, {
        top,
        movedAt: isMoved ? performance.now() : (before?.movedAt ?? Number.NEGATIVE_INFINITY),
      })
    }
    places.current = now
  })
  return (id) =>
    performance.now() - (places.current.get(id)?.movedAt ?? Number.NEGATIVE_INFINITY) < SETTLED_MS
}

/** Up and down, or j and k: another question. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
  const from = event.target as HTMLElement
  if (by === undefined || event.ctrlKey || event.metaKey || event.altKey || from.tagName === 'INPUT') return
  const cards = Array.from(event.currentTarget.querySelectorAll<HTMLElement>('article'))
  const next = cards[cards.findIndex((card) => card.contains(from)) + by]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}

function whyNot(isNow: boolean, may: boolean): string {
  if (transport.value?.kind === 'report') return 'This is a report: decide where the hive runs.'
  if (!isNow) return 'The past cannot be decided; go to now.'
  return may ? '' : 'Your token may look, not decide: it needs the scope decide.'
}
