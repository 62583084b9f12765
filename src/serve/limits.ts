/** What one token may send: bytes a second, and sessions that it may begin. */
import { HttpError } from './http.js'
import type { Token } from './tokens.js'

export interface TokenLimits {
  /** Bytes a second, as they are sent; ten seconds' worth may come at once. Default: no limit. */
  bytesPerSecond?: number
  /** Sessions that one token may send to while the server runs. Default 10,000. */
  sessions?: number
}

const MAX_SESSIONS = 10_000
/** Seconds' worth of bytes that may come at once after a pause. */
const BURST_S = 10

interface Sent {
  /** Bytes that may still come, at `at`. Below 0 where more came than was announced. */
  left: number
  at: number
  sessions: Set<string>
}

export class Limits {
  readonly #bytesPerSecond: number | undefined
  readonly #maxSessions: number
  readonly #sent = new Map<string, Sent>()

  constructor({ bytesPerSecond, sessions = MAX_SESSIONS }: TokenLimits) {
    this.#bytesPerSecond = bytesPerSecond
    this.#maxSessions = sessions
  }

  /** Before a body is read. @throws {HttpError} 429 with how long to wait, when the token has sent too much */
  mustHaveBytes(token: Token): void {
    const rate = this.#bytesPerSecond
    if (rate === undefined) return
    const sent = this.#of(token)
    const now = performance.now()
    sent.left = Math.min(rate * BURST_S, sent.left + ((now - sent.at) / 1000) * rate)
    sent.at = now
    if (sent.left > 0) return
    const wait = Math.max(1, Math.ceil(-sent.left / rate))
    const message = `the token ${token.name} may send ${rate} bytes a second; go on in ${wait} s`
    throw new HttpError(429, message, {}, { 'retry-after': String(wait) })
  }

  /** After a body was read. */
  spend(token: Token, bytes: number): void {
    if (this.#bytesPerSecond !== undefined) this.#of(token).left -= bytes
  }

  /** @throws {HttpError} 429 when the token has begun too many sessions */
  mustHaveSession(token: Token, session: string): void {
    const { sessions } = this.#of(token)
    if (sessions.has(session)) return
    if (sessions.size >= this.#maxSessions) {
      const message = `the token ${token.name} may send to ${this.#maxSessions} sessions; use another token, or see --max-sessions`
      throw new HttpError(429, message, {}, { 'retry-after': '3600' })
    }
    sessions.add(session)
  }

  #of({ sha256 }: Token): Sent {
    let sent = this.#sent.get(sha256)
    if (sent === undefined) {
      sent = { left: (this.#bytesPerSecond ?? 0) * BURST_S, at: performance.now(), sessions: new Set() }
      this.#sent.set(sha256, sent)
    }
    return sent
  }
}
