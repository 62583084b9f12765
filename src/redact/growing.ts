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
    // Hives come and go on a file that stays open: what is there already is not added again.
    const merged = {
      patterns: [...new Map([...ownPatterns, ...patterns].map((each) => [nameOf(each), each])).values()],
      keys: [...new Set([...ownKeys, ...keys])],
      builtin: ownBuiltin || builtin,
    }
    const isSame =
      merged.patterns.length === ownPatterns.length &&
      merged.keys.length === ownKeys.length &&
      merged.builtin === ownBuiltin
    if (isSame) return
    this.#now = new Redactor(merged)
    this.#options = merged
  }
}

/** The same for patterns that replace the same by the same. */
function nameOf(given: RegExp | { name: string; pattern: RegExp }): string {
  return given instanceof RegExp ? ` ${given}` : `${given.name} ${given.pattern}`
}
