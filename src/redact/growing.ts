import { type RedactOptions, Redactor } from './redact.js'

/**
 * A redactor that several share, and that can be told to redact more. All that asks it does so from then on.
 */
export class GrowingRedactor extends Redactor {
  #options: RedactOptions
  #now: Redactor

  constructor(options: RedactOptions = {}) {
    super({ builtin: false })
    this.#options = options
    this.#now = new Redactor(options)
  }

  override string(text: string): string {
    return this.#now.string(text)
  }

  override isSecretKey(name: string): boolean {
    return this.#now.isSecretKey(name)
  }

  /** Adds the patterns and names of these options, and the built-in ones unless they are switched off in both. */
  add({ patterns = [], keys = [], builtin = true }: RedactOptions): void {
    const { patterns: ownPatterns = [], keys: ownKeys = [], builtin: ownBuiltin = true } = this.#options
    this.#options = {
      patterns: [...ownPatterns, ...patterns],
      keys: [...ownKeys, ...keys],
      builtin: ownBuiltin || builtin,
    }
    this.#now = new Redactor(this.#options)
  }
}
