/**
 * Sends key events only, as events and not as a copy. The server does not know how far such a log has come, so that is
 * remembered beside the log, before each request: one that may have arrived is sent again after a crash with the same
 * lines under the same key, by which the server knows them.
 *
 *     <log>.cursors/ship-<12 hex digits of the server's address>.sent
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { writeDurably } from '../disk/durable.js'
import { cursorsFolder } from '../format/beside.js'
import { decodeLine } from '../format/decode.js'
import { refusalOf, type Sender, type Shipped } from './copy-sender.js'
import { folderOf, type LogIdentity, type Position } from './segments.js'
import type { Transport } from './transport.js'
import type { Piece } from './walk.js'

/** What is kept beside the log. */
interface Sent {
  /** Of which log: another one may take its place. */
  log: string
  /** What comes before was sent, or has nothing to send. */
  at: Position
  /** What goes on from there was about to be sent. */
  sending?: { bytes: number; kinds: string[] }
}

const NEWLINE = 10
/** Lines that are looked at before others have their turn. */
const TURN = 50
/** Pieces without anything to send, after which their end is remembered. */
const REMEMBER_EVERY = 16

export class SummarySender implements Sender {
  readonly shipped: Shipped
  /** A piece is one request, which holds so many records at most. */
  readonly maxBytes = 1024 * 1024
  readonly #transport: Transport
  readonly #identity: LogIdentity
  readonly #kinds: readonly string[]
  readonly #path: string
  readonly #onRejected: (count: number, reason: string) => void
  /** Of the request that was under way when the process before ended. */
  #again: Sent['sending']
  #unremembered = 0

  constructor(
    file: string,
    identity: LogIdentity,
    transport: Transport,
    kinds: readonly string[],
    onRejected: (count: number, reason: string) => void = () => {},
  ) {
    const { log, session } = identity
    this.shipped = { file, log, session, bytes: 0, seq: 0, artifacts: 0, events: 0 }
    this.#transport = transport
    this.#identity = identity
    this.#kinds = kinds
    const server = createHash('sha256').update(transport.url).digest('hex').slice(0, 12)
    this.#path = join(cursorsFolder(file), `ship-${server}.sent`)
    this.#onRejected = onRejected
  }

  /** Bytes that the next piece must have, when it is one that was under way. */
  get exactly(): number | undefined {
    return this.#again?.bytes
  }

  begin(): Promise<Position> {
    return this.position()
  }

  async position(): Promise<Position> {
    const { log, first } = this.#identity
    const sent = await sentOf(this.#path)
    if (sent?.log !== log) return { segment: first, offset: 0 }
    this.#again = sent.sending
    return sent.at
  }

  async send({ at, bytes, end }: Piece): Promise<Position> {
    const { log } = this.#identity
    const again = this.#again
    const kinds = again?.kinds ?? this.#kinds
    const { lines, seq } = await this.#summary(bytes, kinds)
    if (lines.length > 0) {
      await this.#remember({ log, at, sending: { bytes: bytes.length, kinds: [...kinds] } })
      const text = lines.join('')
      const { status, body } = await this.#transport.post('v1/ingest', text, {
        'content-type': 'application/x-ndjson',
        'hivelog-session': this.shipped.session,
        'idempotency-key': `${log}-${at.segment}-${at.offset}`,
      })
      if (status !== 200) throw refusalOf(status, body, this.shipped.file)
      this.shipped.bytes += Buffer.byteLength(text)
      this.shipped.events = (this.shipped.events ?? 0) + Number(body.accepted)
      this.shipped.seq = seq
      const rejected = Array.isArray(body.rejected) ? (body.rejected as { reason?: unknown }[]) : []
      if (rejected.length > 0) this.#onRejected(rejected.length, String(rejected[0]?.reason))
    }
    if (lines.length > 0 || ++this.#unremembered >= REMEMBER_EVERY) await this.#remember({ log, at: end })
    this.#again = undefined
    return end
  }

  async #summary(bytes: Buffer, kinds: readonly string[]): Promise<{ lines: string[]; seq: number }> {
    const wanted = new Set(kinds)
    const lines: string[] = []
    let seq = this.shipped.seq
    let looked = 0
    for (const from of candidates(bytes, kinds)) {
      if (++looked % TURN === 0) await nextTurn()
      const decoded = decodeLine(bytes.subarray(from, bytes.indexOf(NEWLINE, from)))
      if (!('event' in decoded) || !wanted.has(decoded.event.kind)) continue
      // Counted anew by the server, and by each run of an agent: neither says there whether a line is new.
      const { seq: own, checkpoint: _, session, ...event } = decoded.event as Record<string, unknown>
      lines.push(`${JSON.stringify({ ...event, session: folderOf(session, this.#identity.log) })}\n`)
      if (typeof own === 'number') seq = own
    }
    return { lines, seq }
  }

  async #remember(sent: Sent): Promise<void> {
    this.#unremembered = 0
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeDurably(this.#path, `${JSON.stringify(sent)}\n`)
  }
}

/** Where the lines begin in which the name of one of these kinds is, in their order. */
function candidates(bytes: Buffer, kinds: readonly string[]): number[] {
  const starts = new Set<number>()
  for (const kind of kinds) {
    const name = Buffer.from(JSON.stringify(kind))
    for (let at = bytes.indexOf(name); at !== -1; ) {
      starts.add(bytes.lastIndexOf(NEWLINE, at) + 1)
      const end = bytes.indexOf(NEWLINE, at)
      at = end === -1 ? -1 : bytes.indexOf(name, end)
    }
  }
  return [...starts].sort((a, b) => a - b)
}

/** What is damaged is as if it were not there: the server knows what it has by its key, or has it twice. */
async function sentOf(path: string): Promise<Sent | undefined> {
  try {
    const sent = JSON.parse(await readFile(path, 'utf8')) as Sent
    const { log, at, sending } = sent
    const isOne =
      typeof log === 'string' &&
      Number.isSafeInteger(at.segment) &&
      Number.isSafeInteger(at.offset) &&
      (sending === undefined || (sending.bytes > 0 && Array.isArray(sending.kinds)))
    return isOne ? sent : undefined
  } catch {
    return undefined
  }
}
