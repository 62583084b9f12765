/**
 * OpenAI's responses that are made in the background: the answer to the request says only that it is queued, and what it
 * took is said when somebody asks for it by its id, is told the rest of its stream, or cancels it. Then it is told once, as
 * a call of who made it. One that nobody asks for until the end is told without tokens.
 */
import type { OutgoingRequest } from '../http/requests.js'
import type { Teller, UsageSeen } from '../http/teller.js'
import type { Stage } from '../stage.js'
import type { Endpoint } from './dialects.js'

/** A response that was begun in the background. */
export interface Begun {
  readonly responseId: string
  readonly endpoint: Endpoint
  /** The request that made it. */
  readonly request: OutgoingRequest
  readonly teller: Teller
  readonly model: string | undefined
}

/** Of how many it is waited for at once who asks for them; of more the oldest are told as they are. */
const MAX_BEGUN = 5_000
const PATH = /\/responses\/([^/]+)(\/cancel)?$/

export class Background {
  #begun = new Map<string, Begun>()

  #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
    stage.hive.onEnd(() => {
      stage.hive.recorder.settle()
      for (const each of this.#begun.values()) this.#leave(each)
    })
  }

  begin(begun: Begun): void {
    const key = keyOf(begun.request.host, begun.responseId)
    // A stream that was told on from where it was left, and left again.
    if (this.#begun.has(key)) return
    const [oldest] = this.#begun.size < MAX_BEGUN ? [] : this.#begun.values()
    if (oldest !== undefined) this.#leave(oldest)
    this.#begun.set(key, begun)
  }

  /** The one that a request asks for, if it was begun here and is not told. */
  asked({ method, host, path }: OutgoingRequest): Begun | undefined {
    const [, id, cancels] = path.includes('/responses/') ? (PATH.exec(path) ?? []) : []
    if (id === undefined || method !== (cancels === undefined ? 'GET' : 'POST')) return undefined
    // It may have begun in this turn.
    this.#stage.hive.recorder.settle()
    return this.#begun.get(keyOf(host, id))
  }

  /** It is over. @returns whether nobody said so before */
  end({ request, responseId }: Begun): boolean {
    return this.#begun.delete(keyOf(request.host, responseId))
  }

  #leave(begun: Begun): void {
    if (!this.end(begun)) return
    const { responseId, endpoint, request, teller, model } = begun
    const { provider } = endpoint
    const told: UsageSeen = { ...(model !== undefined && { model }), provider, responseId }
    teller.usage(told, { startTs: request.startTs, endTs: Date.now() })
  }
}

const keyOf = (host: string, id: string): string => `${host} ${id}`
