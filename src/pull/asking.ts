/** Asks a store over HTTP, one question after the other; what goes wrong is one line. */

/** A store cannot be asked, or what it says makes no sense. */
export class PullError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'PullError'
  }
}

/** Where a store is, and who asks. */
export interface StoreAddress {
  /** `http://127.0.0.1:9428`; name and password in it are sent as such. */
  url: string
  /** Sent as `Authorization: Bearer`. Default: none. */
  token?: string | undefined
  /** Ends what is under way. */
  signal?: AbortSignal | undefined
}

const ANSWER_MS = 120_000
const MAX_ERROR = 500

export class Asking {
  /** What the store is called in errors. */
  readonly where: string
  readonly #base: URL
  readonly #headers: Record<string, string>
  readonly #signal: AbortSignal | undefined

  constructor({ url, token, signal }: StoreAddress) {
    this.#base = new URL(url)
    const { username, password } = this.#base
    this.#base.username = ''
    this.#base.password = ''
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    this.where = this.#base.origin
    const who = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    this.#headers = {
      // Packing costs the store more than the way within a machine or a rack.
      'accept-encoding': 'identity',
      ...(username !== '' && { authorization: `Basic ${Buffer.from(who).toString('base64')}` }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.#signal = signal
  }

  /** @param form is posted; without one it is asked for. @throws {PullError} when there is no answer */
  async ask(path: string, form?: URLSearchParams): Promise<Response> {
    for (let tries = 0; ; tries++) {
      const late = AbortSignal.timeout(ANSWER_MS)
      try {
        return await fetch(new URL(path, this.#base), {
          ...(form !== undefined && { method: 'POST', body: form }),
          headers: this.#headers,
          redirect: 'error',
          signal: this.#signal === undefined ? late : AbortSignal.any([this.#signal, late]),
        })
      } catch (error) {
        this.throwIfAborted()
        // The other end may have closed a connection that was kept.
        if (tries > 0) throw new PullError(`cannot ask ${this.where}: ${reasonOf(error)}`, error)
      }
    }
  }

  /** @throws {PullError} when the answer is a refusal */
  async refuse(response: Response): Promise<void> {
    if (response.ok) return
    const said = (await response.text().catch(() => '')).trim().slice(0, MAX_ERROR)
    throw new PullError(`${this.where} answers ${response.status}${said === '' ? '' : `: ${said}`}`)
  }

  throwIfAborted(): void {
    this.#signal?.throwIfAborted()
  }
}

export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}
