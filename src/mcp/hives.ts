/** The logs that tools know: named by id, name or session as the catalogue has them, never by a path. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Beside } from '../serve/api/beside.js'
import { Catalogue, type Known } from '../serve/api/catalogue.js'
import type { Content } from '../serve/api/content.js'
import type { HiveView } from '../serve/api/hive-view.js'
import { Hives } from '../serve/api/hives.js'
import { Work } from '../serve/api/work.js'
import { AskError } from './arguments.js'
import { digestOf } from './cursor.js'
import { Places } from './places.js'

const PATIENCE_MS = 30_000

/** What tools work with: the same parts as those of a server's `/api`. */
export interface Parts {
  catalogue: Catalogue
  hives: Hives
  work: Work
  /** How long an answer is waited for. Default 30 s: whoever asks mostly waits a minute. */
  patienceMs?: number
}

/** Parts of their own, for who serves nothing else. @param logs paths of logs, and of folders with logs in them */
export function partsFor(logs: readonly string[]): Parts {
  const hives = new Hives()
  return { hives, catalogue: new Catalogue(logs, undefined, hives), work: new Work() }
}

/** One hive, as a tool asks of it. */
export class Hive {
  readonly known: Known
  readonly places: Places
  readonly #parts: Parts

  constructor(known: Known, parts: Parts) {
    this.known = known
    this.places = new Places([known.file])
    this.#parts = parts
  }

  get file(): string {
    return this.known.file
  }

  get view(): HiveView {
    return this.#parts.hives.open(this.file)
  }

  /** @throws {AskError} when it is still being read */
  async content(): Promise<Content> {
    const { view } = this
    const ready = view.content()
    if (view.isReady) return ready
    return patiently(ready, this.#parts, () => {
      const count = view.sofar.rows.count.toLocaleString('en-US')
      return `the log is still being read, ${count} events so far`
    })
  }

  /**
   * What the command of that name tells, made once as long as the log is the same.
   * @param question tells it from others about this log
   * @param beside what it tells of beside the log's segments. Default: nothing
   */
  async asked<T extends object>(
    question: string,
    make: () => Promise<T>,
    beside?: (report: T) => Beside,
  ): Promise<{ report: T; stamp: string }> {
    return answered(this.#parts, [this.file], question, make, beside)
  }
}

/** As `Hive.asked`, of several logs. */
export async function answered<T extends object>(
  parts: Pick<Parts, 'work' | 'patienceMs'>,
  files: readonly string[],
  question: string,
  make: () => Promise<T>,
  beside?: (report: T) => Beside,
): Promise<{ report: T; stamp: string }> {
  const made = parts.work.answer(files, `mcp ${question}`, make, beside)
  const json = await patiently(made, parts, () => 'the answer is still being worked out')
  return { report: JSON.parse(json) as T, stamp: digestOf(json) }
}

/**
 * What comes of something that may take long. It goes on where that is not waited for, and whoever asks again finds it
 * further, or done.
 * @param stand how far it is, in words
 * @throws {AskError} when it takes too long
 */
async function patiently<T>(
  made: Promise<T>,
  { patienceMs = PATIENCE_MS }: Pick<Parts, 'patienceMs'>,
  stand: () => string,
): Promise<T> {
  const over = new AbortController()
  const tooLong = pause(patienceMs, undefined, { signal: over.signal }).then(() => {
    throw new AskError(`${stand()}: ask the same again in a while`)
  })
  try {
    return await Promise.race([made, tooLong])
  } finally {
    over.abort()
  }
}

/** How many logs are looked at to find one by its name. */
const MAX_NAMED = 1_000

/**
 * The log that is meant.
 * @param name its id, or its name or session where only one has it; left out: the only one there is
 * @throws {AskError} when there is none, or several
 */
export async function hiveOf(parts: Parts, name: string | undefined): Promise<Hive> {
  const { catalogue } = parts
  const byId = name === undefined ? undefined : await catalogue.find(name)
  if (byId !== undefined) return new Hive(byId, parts)
  const { logs, total } = await catalogue.page(name ?? '', MAX_NAMED, 0)
  const fitting =
    name === undefined ? logs : logs.filter((each) => each.name === name || each.session === name)
  const [only] = fitting
  const known = only === undefined ? undefined : await catalogue.find(only.id)
  if (fitting.length === 1 && known !== undefined && (name !== undefined || total === 1))
    return new Hive(known, parts)
  const hint = 'overview without arguments lists them'
  if (name === undefined)
    throw new AskError(
      total === 0 ? 'there is no log here yet' : `there are ${total} logs: name one as log; ${hint}`,
    )
  throw new AskError(
    fitting.length > 1
      ? `${fitting.length} logs are called ${JSON.stringify(name)}: give the id of one; ${hint}`
      : `no log here has the id, name or session ${JSON.stringify(name)}; ${hint}`,
  )
}
