/**
 * What happens to the options of a second writer on a log that is open in this process already, as far as they say how
 * the file is written; the others are its own. What is stricter than before holds from then on, for all: more redaction,
 * a more careful `fsync`, a smaller `maxFieldBytes`. What differs otherwise is an error; what is not given asks for nothing.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { shown } from '../format/options.js'
import { OptionsConflictError } from '../journal/errors.js'
import { DEFAULT_MAX_BUFFER } from '../journal/journal.js'
import { SEAL_EVERY_BYTES, SEAL_EVERY_MS } from '../journal/seal.js'
import { ROTATE_MAX_BYTES } from '../journal/segment-chain.js'
import { keptEvery } from '../keep/options.js'
import { MAX_FIELD_BYTES } from '../redact/scrub.js'
import type { RecorderOptions } from './log-recorder.js'

/** Who opens a log, in words. */
export type Opener = 'startHive' | 'JsonlSpanExporter' | 'hivelog/register' | 'hivelog serve'

interface Setting {
  name: string
  given(options: RecorderOptions): unknown
  usual: unknown
  /** The variable that says it where nobody gives it. */
  variable?: string
  /** Whether `asked` can hold instead of `held`. */
  isStricter?(asked: unknown, held: unknown): boolean
}

const CARE = ['no', 'everysec', 'always']
const less = (asked: unknown, held: unknown): boolean => (asked as number) < (held as number)

const SETTINGS: readonly Setting[] = [
  {
    name: 'fsync',
    given: ({ fsync }) => fsync,
    usual: 'everysec',
    isStricter: (asked, held) => CARE.indexOf(asked as string) > CARE.indexOf(held as string),
  },
  {
    name: 'redact.builtin',
    given: ({ redact }) => redact?.builtin,
    usual: true,
    isStricter: (asked) => asked === true,
  },
  {
    name: 'maxFieldBytes',
    given: ({ maxFieldBytes }) => maxFieldBytes,
    usual: MAX_FIELD_BYTES,
    isStricter: less,
  },
  { name: 'capture', given: ({ capture }) => capture, usual: 'none' },
  { name: 'maxBufferBytes', given: ({ maxBufferBytes }) => maxBufferBytes, usual: DEFAULT_MAX_BUFFER },
  { name: 'rotate.maxBytes', given: ({ rotate }) => rotate?.maxBytes, usual: ROTATE_MAX_BYTES },
  { name: 'rotate.maxAgeMs', given: ({ rotate }) => rotate?.maxAgeMs, usual: Number.POSITIVE_INFINITY },
  { name: 'rotate.gzip', given: ({ rotate }) => rotate?.gzip, usual: false },
  { name: 'seal.everyBytes', given: ({ seal }) => seal?.everyBytes, usual: SEAL_EVERY_BYTES },
  { name: 'seal.everyMs', given: ({ seal }) => seal?.everyMs, usual: SEAL_EVERY_MS },
  {
    name: 'keepIndex',
    given: ({ keepIndex }) => (keepIndex === undefined ? undefined : (keptEvery(keepIndex) ?? false)),
    usual: false,
    variable: 'HIVELOG_KEEP_INDEX',
  },
  // A key cannot come later: `log.open` says whether the seals after it are signed.
  { name: 'seal.privateKey', given: ({ seal }) => keyOf(seal?.privateKey), usual: undefined },
]

/** The options that hold for an open log, and who gave them. */
export class SharedOptions {
  readonly #file: string
  readonly #opened: string
  readonly #held = new Map<string, { value: unknown; by: string | undefined }>()

  /** @param environment what variables say of options that are not given */
  constructor(file: string, options: RecorderOptions, opener: Opener, environment: RecorderOptions = {}) {
    this.#file = file
    this.#opened = whoIs(opener)
    for (const { name, given, usual, variable } of SETTINGS) {
      const [value, said] = [given(options), given(environment)]
      if (value !== undefined) this.#held.set(name, { value, by: this.#opened })
      else if (said !== undefined) this.#held.set(name, { value: said, by: variable })
      else this.#held.set(name, { value: usual, by: undefined })
    }
  }

  /**
   * Lets another in whose options agree; what is stricter in them holds from now on.
   * @returns those that are stricter, with their values
   * @throws {OptionsConflictError} and lets nothing hold
   */
  join(options: RecorderOptions, opener: Opener): Map<string, unknown> {
    const by = whoIs(opener)
    const stricter = new Map<string, unknown>()
    for (const { name, given, isStricter } of SETTINGS) {
      const asked = given(options)
      const held = this.#held.get(name)
      if (asked === undefined || asked === held?.value) continue
      if (isStricter?.(asked, held?.value) !== true) throw this.#conflict(name, asked, by)
      stricter.set(name, asked)
    }
    for (const [name, value] of stricter) this.#held.set(name, { value, by })
    return stricter
  }

  #conflict(name: string, asked: unknown, by: string): OptionsConflictError {
    const held = this.#held.get(name)
    const isKey = name === 'seal.privateKey'
    const word = (value: unknown): string =>
      isKey ? (value === undefined ? 'no key' : `key ${String(value).slice(0, 16)}`) : shown(value)
    const from = held?.by === undefined ? `by default, opened by ${this.#opened}` : `as given by ${held.by}`
    return new OptionsConflictError(
      this.#file,
      name,
      `${this.#file} is open in this process with ${name} ${word(held?.value)} (${from}), and ${by} asks for ${word(asked)}; ` +
        `give the same to both, or leave it out here`,
    )
  }
}

/** What tells a key from another, and gives nothing of it away. */
function keyOf(key: string | KeyObject | undefined): string | undefined {
  if (key === undefined) return undefined
  try {
    const own = typeof key === 'string' ? createPrivateKey(key) : key
    const spki = createPublicKey(own).export({ type: 'spki', format: 'der' })
    return createHash('sha256').update(spki).digest('hex')
  } catch {
    return 'that cannot be read'
  }
}

const OWN_FOLDER = new URL('..', import.meta.url)

/** The opener, and the line of the application's code that called it. */
function whoIs(opener: Opener): string {
  const own = [OWN_FOLDER.href, fileURLToPath(OWN_FOLDER)]
  const site = callSites().find((each) => {
    const file = each.getFileName()
    return file != null && !file.startsWith('node:') && !own.some((folder) => file.startsWith(folder))
  })
  if (site === undefined) return opener
  const file = String(site.getFileName()).replace(/^file:\/\/(?=\/)/, '')
  return `${opener} at ${file}:${site.getLineNumber()}`
}

/** As they are, whatever source maps say. */
function callSites(): NodeJS.CallSite[] {
  const before = Error.prepareStackTrace
  try {
    Error.prepareStackTrace = (_, sites) => sites
    const { stack } = new Error()
    return Array.isArray(stack) ? stack : []
  } finally {
    Error.prepareStackTrace = before
  }
}
