/**
 * Reads whole logs for reports: events of flat lines (`flat-scan.ts`) are made at once, all of one class; the others by
 * JSON.parse. Both say the same; but an event of this class also has the fields that its line has not: `undefined`.
 */
import { availableParallelism } from 'node:os'
import { ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'
import {
  COPIED,
  FLAT_BYTES,
  type FlatProgram,
  FlatScanner,
  KNOWN,
  NEW,
  NUMBER,
  ORIGIN,
  type TakenLines,
  TEXTS,
  TRUE,
} from './flat-scan.js'
import { FlatThread } from './flat-thread.js'
import { type LineOptions, type LogEntry, MAX_LINE_BYTES } from './items.js'
import { ItemReader, type Start } from './lines.js'
import type { Source } from './sources.js'

/** An event of a flat line: what the events have that make up most of a log. */
class FlatEvent {
  ts: unknown = undefined
  kind: unknown = undefined
  seq: unknown = undefined
  session: unknown = undefined
  checkpoint: unknown = undefined
  trace: unknown = undefined
  span: unknown = undefined
  agentId: unknown = undefined
  from: unknown = undefined
  to: unknown = undefined
  act: unknown = undefined
  subject: unknown = undefined
  id: unknown = undefined
  inReplyTo: unknown = undefined
  conversation: unknown = undefined
  requiresReply: unknown = undefined
  model: unknown = undefined
  provider: unknown = undefined
  inputTokens: unknown = undefined
  outputTokens: unknown = undefined
  cacheReadTokens: unknown = undefined
  cacheWriteTokens: unknown = undefined
  costUsd: unknown = undefined
  task: unknown = undefined
  responseId: unknown = undefined
  ms: unknown = undefined
  ttftMs: unknown = undefined
  error: unknown = undefined
  host: unknown = undefined
  method: unknown = undefined
  path: unknown = undefined
  status: unknown = undefined
  name: unknown = undefined
  ok: unknown = undefined
  count: unknown = undefined
  ids: unknown = undefined
  toolCallId: unknown = undefined
  argsBytes: unknown = undefined
  resultBytes: unknown = undefined
  approve: unknown = undefined
}

/**
 * An event of a flat line with the fields that the model of a hive looks at (`model/model.ts`): of `LOOKED_INTO` it looks
 * at others too.
 */
class ModelEvent {
  ts: unknown = undefined
  kind: unknown = undefined
  seq: unknown = undefined
  agentId: unknown = undefined
  from: unknown = undefined
  to: unknown = undefined
  act: unknown = undefined
  subject: unknown = undefined
  id: unknown = undefined
  requiresReply: unknown = undefined
  model: unknown = undefined
  provider: unknown = undefined
  inputTokens: unknown = undefined
  outputTokens: unknown = undefined
  cacheReadTokens: unknown = undefined
  cacheWriteTokens: unknown = undefined
  costUsd: unknown = undefined
  error: unknown = undefined
  count: unknown = undefined
  ids: unknown = undefined
  approve: unknown = undefined
}

const LOOKED_INTO: ReadonlySet<string> = new Set(['spawn', 'exit', 'rename', 'log.open', 'log.gap'])

/** Whether what a `ModelEvent` says of an event is all that the model looks at. */
function saysEnough(kind: string): boolean {
  switch (kind) {
    // Most are one of these.
    case 'message':
    case 'usage':
    case 'call':
    case 'tool':
      return true
    default:
      return !LOOKED_INTO.has(kind)
  }
}

/** Its fields in that order, and those of which nearly each text is another one. */
const NAMES = Object.keys(new FlatEvent()) as (keyof FlatEvent)[]
const OF_MODEL: ReadonlySet<string> = new Set(Object.keys(new ModelEvent()))
const ALL_OTHERS: ReadonlySet<keyof FlatEvent> = new Set([
  'error',
  'id',
  'inReplyTo',
  'path',
  'responseId',
  'subject',
  'toolCallId',
])

/** A number for each name lets the engine jump, where a name would have to be looked up. */
function put(event: FlatEvent, name: number, value: unknown): void {
  switch (name) {
    case 0:
      event.ts = value
      break
    case 1:
      event.kind = value
      break
    case 2:
      event.seq = value
      break
    case 3:
      event.session = value
      break
    case 4:
      event.checkpoint = value
      break
    case 5:
      event.trace = value
      break
    case 6:
      event.span = value
      break
    case 7:
      event.agentId = value
      break
    case 8:
      event.from = value
      break
    case 9:
      event.to = value
      break
    case 10:
      event.act = value
      break
    case 11:
      event.subject = value
      break
    case 12:
      event.id = value
      break
    case 13:
      event.inReplyTo = value
      break
    case 14:
      event.conversation = value
      break
    case 15:
      event.requiresReply = value
      break
    case 16:
      event.model = value
      break
    case 17:
      event.provider = value
      break
    case 18:
      event.inputTokens = value
      break
    case 19:
      event.outputTokens = value
      break
    case 20:
      event.cacheReadTokens = value
      break
    case 21:
      event.cacheWriteTokens = value
      break
    case 22:
      event.costUsd = value
      break
    case 23:
      event.task = value
      break
    case 24:
      event.responseId = value
      break
    case 25:
      event.ms = value
      break
    case 26:
      event.ttftMs = value
      break
    case 27:
      event.error = value
      break
    case 28:
      event.host = value
      break
    case 29:
      event.method = value
      break
    case 30:
      event.path = value
      break
    case 31:
      event.status = value
      break
    case 32:
      event.name = value
      break
    case 33:
      event.ok = value
      break
    case 34:
      event.count = value
      break
    case 35:
      event.ids = value
      break
    case 36:
      event.toolCallId = value
      break
    case 37:
      event.argsBytes = value
      break
    case 38:
      event.resultBytes = value
      break
    case 39:
      event.approve = value
      break
  }
}

/** What takes lines apart. */
interface LineTaker {
  /** Of the last call. */
  readonly taken: TakenLines
  /** As `FlatScanner.scan`. */
  scan(bytes: Buffer, from: number, to: number): number
}

const scannerFor = (isForModel: boolean): FlatScanner | undefined =>
  FlatScanner.of(
    NAMES.map((name) => ({
      name,
      isPassedOver: isForModel && !OF_MODEL.has(name),
      isNumbered: !ALL_OTHERS.has(name),
    })),
  )

/** What takes the lines apart for such a reader, to be run elsewhere; `undefined` where it cannot be run. */
export const flatProgram = (isForModel: boolean): FlatProgram | undefined => scannerFor(isForModel)?.program

/** Bytes from which on a second thread is worth starting. */
const LONG = 16 * 1024 * 1024

/**
 * A thread that takes the lines of a segment apart from that offset on, if it is long and there is a processor for it.
 * @param isForModel as the reader has it that is given them
 */
export function flatThread(source: Source, offset: number, isForModel: boolean): FlatThread | undefined {
  const { handle, gzip, stats } = source
  const isLong = Number(stats.size) - offset >= LONG
  if (!isLong || !stats.isFile() || gzip || availableParallelism() < 2) return undefined
  const program = flatProgram(isForModel)
  return program && new FlatThread(handle.fd, offset, program)
}

/** Makes the events of flat lines, with all fields or those for the model. */
class FlatEvents {
  /** One each: its tables are worth sharing. */
  static readonly #shared = new Map<boolean, FlatEvents | undefined>()

  readonly taker: LineTaker
  /** Texts by their number. */
  readonly #texts = new Array<string>(TEXTS).fill('')
  /** Where in what was found the next line is. */
  #at = 0

  readonly #isForModel: boolean

  constructor(taker: LineTaker, isForModel: boolean) {
    this.taker = taker
    this.#isForModel = isForModel
  }

  /** `undefined` where this process cannot have one. */
  static shared(isForModel: boolean): FlatEvents | undefined {
    if (!FlatEvents.#shared.has(isForModel)) {
      const scanner = scannerFor(isForModel)
      FlatEvents.#shared.set(isForModel, scanner && new FlatEvents(scanner, isForModel))
    }
    return FlatEvents.#shared.get(isForModel)
  }

  /** As `FlatScanner.scan`. */
  scan(bytes: Buffer, from: number, to: number): number {
    this.#at = 0
    return this.taker.scan(bytes, from, to)
  }

  /** Place of the next line's first byte, and of its newline. */
  get start(): number {
    return (this.taker.taken.found[this.#at] as number) - ORIGIN
  }

  get end(): number {
    return (this.taker.taken.found[this.#at + 1] as number) - ORIGIN
  }

  /** The event of the next line; `undefined` where that is to be parsed. */
  next(): HiveEvent | undefined {
    const { found, numbers, copies } = this.taker.taken
    let at = this.#at
    const members = found[at + 2] as number
    if (found[at + 3] !== 1) {
      this.#pass(members)
      return undefined
    }
    const event = this.#isForModel ? (new ModelEvent() as FlatEvent) : new FlatEvent()
    for (let i = 0; i < members; i++) {
      at += 4
      const what = found[at] as number
      switch (what >> 8) {
        case KNOWN:
          put(event, what & 0xff, this.#texts[found[at + 1] as number])
          break
        case NUMBER:
          put(event, what & 0xff, numbers[(at >> 1) + 1])
          break
        case COPIED:
          put(event, what & 0xff, copies[found[at + 2] as number])
          break
        case NEW: {
          const text = copies[found[at + 2] as number] as string
          this.#texts[found[at + 1] as number] = text
          put(event, what & 0xff, text)
          break
        }
        default:
          put(event, what & 0xff, what >> 8 === TRUE)
      }
    }
    this.#at = at + 4
    const { ts, kind } = event
    const isEvent = typeof ts === 'number' && typeof kind === 'string' && kind !== ''
    return isEvent && (!this.#isForModel || saysEnough(kind)) ? (event as HiveEvent) : undefined
  }

  /** Passes over a line that is to be parsed; texts that got a number in it keep that. */
  #pass(members: number): void {
    const { found, copies } = this.taker.taken
    let at = this.#at
    for (let i = 0; i < members; i++) {
      at += 4
      if ((found[at] as number) >> 8 !== NEW) continue
      this.#texts[found[at + 1] as number] = copies[found[at + 2] as number] as string
    }
    this.#at = at + 4
  }
}

/**
 * The item of a flat line. Of objects that are written as literals V8 may take it that they live long, since many of one
 * batch do when it looks, and make all of them where to collect them takes three times as long.
 */
class FlatEntry implements LogEntry {
  readonly event: HiveEvent
  readonly seq: number
  readonly offset: number
  readonly bytes: number
  readonly file: string
  readonly line?: number

  constructor(
    event: HiveEvent,
    seq: number,
    offset: number,
    bytes: number,
    file: string,
    line: number | undefined,
  ) {
    this.event = event
    this.seq = seq
    this.offset = offset
    this.bytes = bytes
    this.file = file
    if (line !== undefined) this.line = line
  }
}

/** Bytes of a log that are parsed line by line: who reads no more is over before this would have become fast. */
const WARM = 1024 * 1024
/** Bytes that are parsed where most of so many lines before them had to be, and so were looked at in vain. */
const IN_VAIN = 4 * 1024 * 1024
const JUDGED_LINES = 64

export interface FlatOptions {
  /** Bytes after which lines are taken apart. Default: 1 MiB. */
  warm?: number
  /** Whether the events have only what the model of a hive looks at. Default: false. */
  isForModel?: boolean
  /** Hands over the bytes that the reader is given, from the first on. Default: this thread takes them apart. */
  thread?: FlatThread | undefined
}

/** Gives the items that reading all lines gives. */
export class FlatReader extends ItemReader {
  /** Hands over the bytes that this reader is given. */
  readonly thread: FlatThread | undefined
  readonly #events: FlatEvents | undefined
  readonly #file: string
  readonly #isPlain: boolean
  readonly #isForModel: boolean
  /** Offset from which lines are taken apart. */
  #from: number
  /** Lines that were looked at since it was judged whether that is worth it, and those of them that had to be parsed. */
  #looked = 0
  #parsed = 0

  constructor(file: string, start: Start, options: LineOptions, flat: FlatOptions = {}) {
    super(file, start, options)
    const { warm = WARM, isForModel = false, thread } = flat
    this.#file = file
    this.#isForModel = isForModel
    // A line that is too long must be told of.
    this.#isPlain = options.text !== true && (options.maxLineBytes ?? MAX_LINE_BYTES) >= FLAT_BYTES
    this.#from = start.offset + warm
    this.thread = this.#isPlain ? thread : undefined
    this.#events = this.thread && new FlatEvents(this.thread, isForModel)
  }

  protected override lines(bytes: Buffer, from: number, to: number): void {
    const events = this.#events ?? this.#ownEvents()
    if (events === undefined) {
      super.lines(bytes, from, to)
      return
    }
    const toOffset = this.splitter.offset - from
    let at = from
    while (at < to) {
      const next = events.scan(bytes, at, to)
      if (next === at) {
        const end = bytes.indexOf(10, at) + 1
        super.lines(bytes, at, end)
        at = end
        continue
      }
      const { lines } = events.taker.taken
      for (let i = 0; i < lines; i++) {
        const start = at + events.start
        const end = at + events.end
        // Adding a line leaves what was found alone.
        const event = events.next()
        if (event !== undefined) this.addEvent(event, bytes, start, end, toOffset + start)
        else {
          this.#parsed++
          this.add(this.lineIn(bytes, start, end), end - start, true, toOffset + start)
        }
      }
      at = next
      this.splitter.offset = toOffset + at
      this.#looked += lines
      // A few lines at the end of a block say nothing; and another thread may look in vain.
      if (this.#looked < JUDGED_LINES || this.#events !== undefined) continue
      const isInVain = 2 * this.#parsed > this.#looked
      this.#looked = 0
      this.#parsed = 0
      if (!isInVain) continue
      this.#from = this.splitter.offset + IN_VAIN
      break
    }
    if (at < to) super.lines(bytes, at, to)
  }

  #ownEvents(): FlatEvents | undefined {
    const isWorthIt = this.#isPlain && this.splitter.offset >= this.#from
    return isWorthIt ? FlatEvents.shared(this.#isForModel) : undefined
  }

  /** Adds the event of the line in `bytes[start, end)`. */
  protected addEvent(event: HiveEvent, _bytes: Buffer, start: number, end: number, offset: number): void {
    this.advance(1)
    const seq = ownSeq(event) ?? this.count
    this.items.push(new FlatEntry(event, seq, offset, end - start, this.#file, this.line))
  }
}
