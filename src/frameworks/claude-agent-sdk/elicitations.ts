/**
 * What MCP servers ask people in the middle of a tool call (elicitation, Model Context Protocol 2025-06-18): a hook
 * `Elicitation` of the application's may answer, else `onElicitation` does, and a hook `ElicitationResult` has the last
 * word. Of the same question the hook and then the callback are told; it is recorded once. What people fill in stays out.
 *
 * Recorded is what the server hears. Of the application's hooks Claude Code 2.1 heeds `decision: 'block'`, which declines, and
 * not the `action` that the SDK's types have for them: it asks the callback all the same. So an `action` holds only if the
 * callback is not asked then; what a hook says of an answer holds only if it blocks.
 */
import type { Agent } from '../../hive/agent.js'
import type { Stage } from '../stage.js'
import type { Answerer } from './tool-calls.js'

/** What a server is told: accepted, declined, or nothing was chosen. */
type Action = 'accept' | 'decline' | 'cancel'

export interface Question {
  readonly agent: Agent
  /** Name of the MCP server. */
  readonly server: string
  readonly message: string
}

interface Open extends Question {
  readonly id: string
  /** Whether the callback is asked: a hook that is asked in these words from then on is asked something else. */
  isAtCallback: boolean
  /** The answer, while it may not be the one that holds. */
  answer: Answer | undefined
  timer: NodeJS.Timeout | undefined
}

interface Answer {
  action: Action
  via: Answerer
}

/** What the application answered. */
export interface Said {
  readonly action: string | undefined
  readonly isBlocked: boolean
  readonly via: Answerer
}

/** Milliseconds after which a hook's answer is known to be heeded: else the callback is asked by then. */
const IGNORED_MS = 200

/** Of one session: a bound for one that is hostile. */
const MAX_OPEN = 1_000

export class Elicitations {
  /** Whether hooks of the application's hear answers before the servers do, and may change them. */
  isReviewed = false
  readonly #stage: Stage
  readonly #idOf: (request: string) => string
  /** In the order of asking. */
  readonly #open = new Set<Open>()
  /** What requests to the application are about, and whether it is about the answer. */
  readonly #requests = new Map<string, { open: Open; isReview: boolean }>()

  /** @param idOf the escalation's id, of the first request that tells of it */
  constructor(stage: Stage, idOf: (request: string) => string) {
    this.#stage = stage
    this.#idOf = idOf
  }

  /** A hook is asked, or the callback, by that request. Several hooks may be, at once. */
  ask(request: string, { agent, server, message }: Question, who: 'hook' | 'callback'): void {
    let open = this.#find((each) => each.server === server && each.message === message && !each.isAtCallback)
    if (open === undefined) {
      if (this.#open.size >= MAX_OPEN) return
      open = {
        id: this.#idOf(request),
        agent,
        server,
        message,
        isAtCallback: false,
        answer: undefined,
        timer: undefined,
      }
      this.#open.add(open)
      this.#stage.escalate(agent, open.id, `${server} asks: ${message}`)
    }
    if (who === 'callback') {
      open.isAtCallback = true
      open.answer = undefined
      clearTimeout(open.timer)
    }
    this.#requests.set(request, { open, isReview: false })
  }

  /** A hook is asked whether it agrees with an answer. */
  review(request: string, server: string): void {
    const open = this.#find((each) => each.server === server && each.answer !== undefined)
    if (open !== undefined) this.#requests.set(request, { open, isReview: true })
  }

  /** The application has answered a request; with nothing, when it left that to others. */
  answer(request: string, { action: said, isBlocked, via }: Said): void {
    const asked = this.#requests.get(request)
    if (asked === undefined) return
    this.#requests.delete(request)
    const { open, isReview } = asked
    if (!this.#open.has(open)) return
    if (isBlocked) this.#decide(open, { action: 'decline', via })
    else if (isReview) this.#decide(open)
    else if (isAction(said) && open.answer === undefined) {
      open.answer = { action: said, via }
      if (via === 'code' && !this.isReviewed) this.#decide(open)
      else if (via === 'hook' && !open.isAtCallback)
        open.timer = setTimeout(() => this.#decide(open), IGNORED_MS).unref()
    }
  }

  /** Nothing runs any more: what was answered holds. */
  cutOff(): void {
    for (const open of this.#open) if (open.answer !== undefined) this.#decide(open)
    this.#open.clear()
    this.#requests.clear()
  }

  #decide(open: Open, answer = open.answer): void {
    clearTimeout(open.timer)
    if (answer === undefined || !this.#open.delete(open)) return
    const { action, via } = answer
    this.#stage.decide(open.id, action === 'accept', {
      via,
      ...(action === 'cancel' && { note: 'cancelled' }),
    })
  }

  #find(isIt: (open: Open) => boolean): Open | undefined {
    for (const open of this.#open) if (isIt(open)) return open
    return undefined
  }
}

const isAction = (said: string | undefined): said is Action =>
  said === 'accept' || said === 'decline' || said === 'cancel'
