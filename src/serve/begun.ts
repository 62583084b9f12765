/**
 * Which sessions each token has begun, in `<store>/.token-sessions`, a line each, so that a restart does not let it begin
 * as many again. A session that was removed from the store counts no more from the next start on.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isStorable } from '../format/beside.js'

const NAME = '.token-sessions'

export class BegunSessions {
  readonly #file: string | undefined
  /** By name of the token: one that is made anew under its name goes on with its count. */
  readonly #byToken = new Map<string, Set<string>>()

  /** @param store where nothing is received there is none, and nothing is kept */
  constructor(store: string | undefined) {
    if (store === undefined) return
    this.#file = join(store, NAME)
    if (!existsSync(this.#file)) return
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      const begun = begunIn(line)
      if (begun !== undefined && existsSync(join(store, begun.session)))
        this.of(begun.token).add(begun.session)
    }
  }

  /** Of one token. */
  of(token: string): Set<string> {
    let sessions = this.#byToken.get(token)
    if (sessions === undefined) {
      sessions = new Set()
      this.#byToken.set(token, sessions)
    }
    return sessions
  }

  /** Something of them is stored. @throws what the disk says */
  keep(token: string, sessions: readonly string[]): void {
    if (sessions.length === 0 || this.#file === undefined) return
    // A newline first: the last line may not have been written whole.
    const lines = sessions.map((session) => `\n${JSON.stringify({ token, session })}`)
    appendFileSync(this.#file, lines.join(''), { mode: 0o600 })
  }
}

/** A line that was not written whole, as at a power cut, is none. */
function begunIn(line: string): { token: string; session: string } | undefined {
  try {
    const { token, session } = JSON.parse(line) as Record<string, unknown>
    if (typeof token !== 'string' || typeof session !== 'string' || !isStorable(session)) return undefined
    return { token, session }
  } catch {
    return undefined
  }
}
