/**
 * Queries of external APIs by anything that uses Node's HTTP clients: a `call` line each, when the answer's headers
 * have come, or the request failed. `ms` is the time until then: an answer may be streamed for hours, and be read when
 * its reader likes. Neither headers nor bodies are recorded, and of the URL no query.
 */
import type { Adapter, Stage } from '../stage.js'
import { whyOf } from './errors.js'
import { type Follower, type OutgoingRequest, watchRequests } from './requests.js'
import { Teller } from './teller.js'

export const adapter: Adapter = {
  name: 'HTTP',
  install: (stage) => watchRequests(stage, (request) => new Call(stage, request)),
}

class Call implements Follower {
  #request: OutgoingRequest
  #teller: Teller
  #isTold = false

  constructor(stage: Stage, request: OutgoingRequest) {
    this.#request = request
    this.#teller = Teller.of(stage, request)
  }

  answered(status: number): void {
    this.#tell({ status })
  }

  /** After the headers it is the reader's business. */
  failed(error: unknown): void {
    this.#tell({ error: whyOf(error) })
  }

  #tell(outcome: { status: number } | { error: string }): void {
    if (this.#isTold) return
    this.#isTold = true
    const { method, host, path, startTs, startedAt } = this.#request
    const ms = Math.round(performance.now() - startedAt)
    this.#teller.call({ host, method, path, ms, ...outcome }, { startTs, endTs: startTs + ms })
  }
}
