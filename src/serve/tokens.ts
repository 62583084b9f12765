/**
 * Who may do what: tokens, of which only the hashes are stored. Each is 32 random bytes, so a plain hash of it gives
 * nothing away. The file is looked at anew when it has changed, so that a token can be revoked while a server runs.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeDurablySync } from '../disk/durable.js'
import { LogLockedError } from '../journal/errors.js'
import { acquireLock, type Lock } from '../journal/lock.js'

export const SCOPES = ['ingest', 'read', 'decide'] as const
/** `ingest`: send logs; `read`: see them; `decide`: answer escalations. */
export type Scope = (typeof SCOPES)[number]

export interface Token {
  /** For people: who has it. */
  name: string
  scopes: Scope[]
  /** SHA-256 of the token, 64 hex digits. */
  sha256: string
  /** When it was made, epoch milliseconds. */
  created: number
  /** Whether it is the server's own, made for this run. */
  isOwn?: true
}

/** The server cannot do what it is told to; one line says why, and what to do. */
export class ServeError extends Error {}

/** How long a change waits for the others, and between two looks. */
const PATIENCE_MS = 10_000
const LOOK_MS = 10

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** A token that nobody can guess. */
export const newToken = (): string => `hl_${randomBytes(32).toString('base64url')}`

export class Tokens {
  readonly #file: string | undefined
  readonly #own: Token[] = []
  #stored: Token[] = []
  /** Of the file as it was read last. */
  #stamp = ''

  /** @param file where the hashes are stored. Default: nowhere */
  constructor(file?: string) {
    this.#file = file
    this.#reload()
  }

  /** The tokens that are stored. @throws {ServeError} when the file cannot be understood: then nobody may */
  get stored(): readonly Token[] {
    this.#reload()
    return this.#stored
  }

  /**
   * Makes a token and stores its hash.
   * @returns the token, which cannot be had again
   * @throws {ServeError} where there is one of this name
   */
  add(name: string, scopes: Scope[]): string {
    const token = newToken()
    const entry: Token = { name, scopes, sha256: hashOf(token), created: Date.now() }
    this.#change((stored) => {
      if (stored.some((each) => each.name === name))
        throw new ServeError(`there is a token ${name}; revoke it first, or take another name`)
      return [...stored, entry]
    })
    return token
  }

  /** Revokes all tokens of this name. @returns how many there were */
  revoke(name: string): number {
    let revoked = 0
    this.#change((stored) => {
      const kept = stored.filter((token) => token.name !== name)
      revoked = stored.length - kept.length
      return revoked === 0 ? undefined : kept
    })
    return revoked
  }

  /** Makes a token that is known to this process only. */
  addOwn(name: string, scopes: Scope[]): string {
    const token = newToken()
    this.#own.push({ name, scopes, sha256: hashOf(token), created: Date.now(), isOwn: true })
    return token
  }

  /** Whose token it is; all are compared, each in the same time. */
  find(token: string): Token | undefined {
    this.#reload()
    const given = Buffer.from(hashOf(token), 'hex')
    let found: Token | undefined
    for (const each of [...this.#own, ...this.#stored]) {
      if (timingSafeEqual(given, Buffer.from(each.sha256, 'hex'))) found = each
    }
    return found
  }

  /** The token of this hash, as long as it is there. */
  named(sha256: string): Token | undefined {
    this.#reload()
    return [...this.#own, ...this.#stored].find((each) => each.sha256 === sha256)
  }

  /**
   * Writes what a change makes of the tokens that are stored, `undefined` being nothing. Changes come one after the
   * other, whichever processes make them: what two wrote at once would be without the change of one.
   */
  #change(change: (stored: readonly Token[]) => readonly Token[] | undefined): void {
    const file = this.#file as string
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const lock = lockOf(file)
    try {
      const tokens = change(this.stored)
      if (tokens === undefined) return
      writeDurablySync(file, `${JSON.stringify({ tokens }, undefined, 2)}\n`)
    } finally {
      lock.release()
    }
    this.#stamp = ''
    this.#reload()
  }

  #reload(): void {
    if (this.#file === undefined) return
    const stats = statSync(this.#file, { throwIfNoEntry: false, bigint: true })
    const stamp = stats === undefined ? 'none' : `${stats.ino} ${stats.size} ${stats.mtimeNs}`
    if (stamp === this.#stamp) return
    // What cannot be read lets nobody in.
    this.#stored = []
    this.#stored = stats === undefined ? [] : tokensIn(this.#file, readFileSync(this.#file, 'utf8'))
    this.#stamp = stamp
  }
}

function lockOf(file: string): Lock {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return acquireLock(file)
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw new ServeError((error as Error).message)
      if (performance.now() > until)
        throw new ServeError(
          `${file} is being changed by process ${error.holder.pid} on ${error.holder.host}; try again, or end that`,
        )
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS)
    }
  }
}

function tokensIn(file: string, text: string): Token[] {
  try {
    const { tokens } = JSON.parse(text) as { tokens: Token[] }
    if (tokens.every(isToken)) return tokens
  } catch {
    // Told below.
  }
  throw new ServeError(
    `${file} is no file of tokens: make it anew with hivelog token add, or put the copy back`,
  )
}

const isToken = ({ name, scopes, sha256 }: Token): boolean =>
  typeof name === 'string' &&
  Array.isArray(scopes) &&
  scopes.every((scope) => SCOPES.includes(scope)) &&
  /^[0-9a-f]{64}$/.test(sha256)
