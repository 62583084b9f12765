/**
 * Cursors: a consumer of a log names itself, and goes on where it was, across restarts, rotation and compression.
 * Consumers know nothing of each other: each has its own file, `<log>.cursors/<name>.json`, one JSON object:
 *
 *     version   1
 *     name      the cursor's name
 *     saved     when this was written, ISO 8601
 *     seq       of the last event that was processed
 *     count     lines of the whole log up to there: what numbers the lines of a log without `seq`
 *     segment   `seq` of the first line of the segment it is in (left out if unknown)
 *     first     SHA-256 of that segment's first line (of its first 64 KiB): tells another log of the same name
 *     offset    in that segment, uncompressed: of the byte after the line's newline
 *     bytes     length of the line without its newline
 *     line      number of the line in its segment, from 1 (left out if unknown)
 *     ts        of the line (left out if the line is malformed)
 *
 * or, after the last line of a segment, `version`, `name`, `saved`, `seq`, `count` and `after`: the `seq` of that
 * segment's first line. The log then goes on with the next segment, whether or not that one is still there.
 *
 * The file is replaced whole: a new one is written beside it, synced, and renamed over it, so that whoever reads it,
 * and whenever the writer dies, there is a valid one. A writer that dies in between leaves a draft,
 * `<name>.json.<8 hex>.tmp`, which the next writer of that name takes away.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { removeDrafts, syncFolder, writeDurably } from '../disk/durable.js'
import { systemCodeOf } from '../disk/errors.js'
import { cursorsFolder } from '../format/beside.js'
import { OptionsError } from '../format/options.js'
import { CursorFileError } from './errors.js'

/** How `followLog` keeps a consumer's place in the log. */
export interface CursorOptions {
  /** Names the consumer: `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`. */
  name: string
  /**
   * `auto`: a line counts as processed when the consumer asks for the next one, and the cursor is saved from time
   * to time. `manual`: only `commit()` moves the cursor. Default `auto`.
   */
  commit?: 'auto' | 'manual'
  /**
   * With `auto`: how often the cursor is saved at most, milliseconds; beside that it is saved when the iteration
   * ends. What was processed since is given again after a crash. Default 1000.
   */
  commitEveryMs?: number
  /**
   * Awaited before each save, for a consumer that buffers: once it resolves, all that was processed when it was
   * called must be safe. It must not call `commit()`. If it rejects, nothing is saved and the iteration throws.
   * Default: nothing is awaited.
   */
  beforeCommit?: () => void | Promise<void>
  /**
   * When the log no longer has the place of the cursor: `error` throws a `CursorLostError`; `oldest` goes on with
   * the oldest line that is there, after a `MalformedLine` with `bytes` 0 whose reason says so. Default `error`.
   */
  onLost?: 'error' | 'oldest'
}

/** How often a cursor is saved at most, unless told otherwise. */
export const COMMIT_EVERY_MS = 1000

/** After a line. All but `offset`, `bytes` and `count` may be unknown. */
export interface LinePosition {
  /** `seq` of the last event up to here. */
  seq?: number
  /** Lines of the whole log up to here: what numbers the lines of a log without `seq`. */
  count: number
  /** `seq` of the segment's first line, which becomes its name when it is archived. */
  segment?: number
  /** Fingerprint of the segment's first line: the same once it is renamed and compressed. */
  first?: string
  /** Offset in the segment (uncompressed) of the byte after the line's newline. */
  offset: number
  /** Length of the line, without its newline. */
  bytes: number
  /** Number of the line in its segment, from 1. */
  line?: number
  /** `ts` of the line; left out if it is malformed. */
  ts?: number
}

/** After a whole segment: the log goes on with the first line of the next one, wherever that is. */
export interface SegmentEnd {
  seq?: number
  count: number
  /** `seq` of the first line of the segment that is done; 0 before the first. */
  after: number
}

export type CursorPosition = LinePosition | SegmentEnd

export const isSegmentEnd = (position: CursorPosition): position is SegmentEnd => 'after' in position

const VERSION = 1
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
const SHA256 = /^[0-9a-f]{64}$/
const DRAFT = /^\.[0-9a-f]{8}\.tmp$/
const ATTEMPTS = 10

/** The file that keeps a cursor. */
export class CursorFile {
  readonly path: string
  readonly #name: string
  #isTidy = false

  /** @throws when that is no name for a cursor */
  constructor(log: string, name: string) {
    this.path = cursorPath(log, name)
    this.#name = name
  }

  /** The position that was saved last; `undefined` if none ever was. @throws {CursorFileError} */
  async read(): Promise<CursorPosition | undefined> {
    let text: string
    try {
      text = await readFile(this.path, 'utf8')
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined
      throw new CursorFileError(`cannot read the cursor file ${this.path}: ${reasonOf(error)}`, error)
    }
    const decoded = decodeCursor(this.#name, text)
    if ('position' in decoded) return decoded.position
    throw new CursorFileError(
      `the cursor file ${this.path} is damaged: ${decoded.reason}; delete it to begin anew`,
    )
  }

  /** Resolves when the position is on the disk. @throws {CursorFileError} */
  async write(position: CursorPosition): Promise<void> {
    const text = encodeCursor(this.#name, position)
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#replace(text)
        return
      } catch (error) {
        // Another consumer of the same name has tidied up our draft, or somebody the whole folder.
        if (systemCodeOf(error) === 'ENOENT' && attempt < ATTEMPTS) continue
        throw new CursorFileError(`cannot write the cursor file ${this.path}: ${reasonOf(error)}`, error)
      }
    }
  }

  async #replace(text: string): Promise<void> {
    const folder = dirname(this.path)
    const isNew = await mkdir(folder, { mode: 0o700 }).then(
      () => true,
      (error) => {
        if (systemCodeOf(error) !== 'EEXIST') throw error
        return false
      },
    )
    if (isNew) await syncFolder(dirname(folder))
    if (!this.#isTidy) removeDrafts(folder, (name) => this.#isDraft(name), 0)
    this.#isTidy = true
    await writeDurably(this.path, text)
  }

  #isDraft(name: string): boolean {
    const file = basename(this.path)
    return name.startsWith(file) && DRAFT.test(name.slice(file.length))
  }
}

function reasonOf(error: unknown): string {
  const reasons: Record<string, string> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EISDIR: 'it is a directory; delete it to begin anew',
    ENOTDIR: 'there is a file where its folder should be',
    ENOENT: 'the folder of the log is gone',
  }
  return reasons[systemCodeOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error))
}

/** File of a cursor. @throws {OptionsError} when that is no name for a cursor */
function cursorPath(log: string, name: string): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new OptionsError(
      `'${name}' is no name for a cursor: it needs 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter or digit`,
    )
  }
  return join(cursorsFolder(log), `${name}.json`)
}

/** Text of a cursor file. */
function encodeCursor(name: string, position: CursorPosition): string {
  const saved = new Date().toISOString()
  return `${JSON.stringify({ version: VERSION, name, saved, ...position })}\n`
}

/** What a cursor file says, or what is wrong with it. */
export function decodeCursor(name: string, text: string): { position: CursorPosition } | { reason: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { reason: 'it is not JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'it is no JSON object' }
  const fields = value as Record<string, unknown>
  if (fields.version !== VERSION) return { reason: 'it is of a version that this program does not know' }
  if (fields.name !== name) return { reason: 'it is the cursor of another name' }
  const wrong = wrongField(fields)
  if (wrong !== undefined) return { reason: `its ${wrong} makes no sense` }
  const { version: _, name: __, saved: ___, ...position } = fields
  // Every field was looked at just now.
  return { position: position as unknown as CursorPosition }
}

function wrongField(fields: Record<string, unknown>): string | undefined {
  const isEnd = 'after' in fields
  const needed = isEnd ? ['count', 'after'] : ['count', 'offset', 'bytes']
  const optional = isEnd ? ['seq'] : ['seq', 'segment', 'line']
  const wrong =
    needed.find((name) => !isWhole(fields[name])) ??
    optional.find((name) => fields[name] !== undefined && !isWhole(fields[name]))
  if (wrong !== undefined || isEnd) return wrong
  const { offset, bytes, first, ts } = fields as Record<string, number>
  if ((offset as number) <= (bytes as number)) return 'offset'
  if (first !== undefined && !(typeof first === 'string' && SHA256.test(first))) return 'first'
  return ts === undefined || typeof ts === 'number' ? undefined : 'ts'
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
