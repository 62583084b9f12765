/** What one token may send: bytes a second, and sessions that it may begin. */
import type { BegunSessions } from './begun.js'
import { HttpError } from './http.js'
import type { Token } from './tokens.js'

export interface TokenLimits {
  /** Bytes a second, as they are sent; ten seconds' worth may come at once. Default: no limit. */
  bytesPerSecond?: number
  /** Sessions of the store that one token may send to. Default 10,000. */
  sessions?: number
}

const MAX_SESSIONS = 10_000
/** Seconds' worth of bytes that may come at once after a pause. */
const BURST_S = 10

interface Sent {
  /** Bytes that may still come, at `at`. Below 0 where more came than was announced. */
  left: number
  at: number
}

export class Limits {
  readonly #bytesPerSecond: number | undefined
  readonly #maxSessions: number
  readonly #begun: BegunSessions
  readonly #sent = new Map<string, Sent>()

  constructor({ bytesPerSecond, sessions = MAX_SESSIONS }: TokenLimits, begun: BegunSessions) {
    this.#begun = begun
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

  /**
   * Before anything of these sessions is stored.
   * @returns those that this token had not begun
   * @throws {HttpError} 429 when that would be too many sessions of this token; then none of them counts
   */
  mustHaveSessions({ name }: Token, sessions: Iterable<string>): string[] {
    const begun = this.#begun.of(name)
    const fresh = [...new Set(sessions)].filter((session) => !begun.has(session))
    if (begun.size + fresh.length > this.#maxSessions) {
      const message = `the token ${name} may send to ${this.#maxSessions} sessions; use another token, or see --max-sessions`
      throw new HttpError(429, message, {}, { 'retry-after': '3600' })
    }
    for (const session of fresh) begun.add(session)
    return fresh
  }

  /** They are begun: something of them is stored. @throws what the disk says */
  keepSessions({ name, isOwn }: Token, fresh: readonly string[]): void {
    // The token of one run, on loopback: the next run's is another.
    if (!isOwn) this.#begun.keep(name, fresh)
  }

  /** They are not: a request that is refused uses nothing up. */
  releaseSessions({ name }: Token, fresh: readonly string[]): void {
    for (const session of fresh) this.#begun.of(name).delete(session)
  }

  #of({ sha256 }: Token): Sent {
    let sent = this.#sent.get(sha256)
    if (sent === undefined) {
      sent = { left: (this.#bytesPerSecond ?? 0) * BURST_S, at: performance.now() }
      this.#sent.set(sha256, sent)
    }
    return sent
  }
}
