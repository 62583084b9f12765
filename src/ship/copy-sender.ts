/** Sends a log as an exact copy. The server knows how far the copy has come, so nothing is remembered here. */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Decision } from '../decide/decision.js'
import type { TellNotOwn } from '../disk/own-files.js'
import { refsIn } from '../format/refs.js'
import { chunksOf } from '../read/sources.js'
import { artifactOf, deadlineFor } from './artifact-files.js'
import { decisionsIn } from './decisions.js'
import { idsAbove, type LogIdentity, openSegment, type Position } from './segments.js'
import { type Answer, ShipError, type Transport } from './transport.js'
import { LogWalk, type Piece } from './walk.js'

/** What was sent of one log. */
export interface Shipped {
  /** Path of the log. */
  file: string
  /** Its id, under which it is stored. */
  log: string
  /** Name of the folder that it is stored in: its session, where that can be one. */
  session: string
  /** Bytes that were sent and acknowledged by this run. */
  bytes: number
  /** The last `seq` that the server has. */
  seq: number
  /** Artifacts that were sent. */
  artifacts: number
  /** Events that the server did not have before, where only some kinds are sent. */
  events?: number
}

/** Where the lines of one log go. */
export interface Sender {
  readonly shipped: Shipped
  /** Bytes of a piece at most. */
  readonly maxBytes?: number
  /** Bytes that the next piece must have. */
  readonly exactly?: number | undefined
  /** Where to go on, by whoever begins. @throws {ShipError} when what the server has is not what the log holds */
  begin(): Promise<Position>
  /** Where to go on. */
  position(): Promise<Position>
  /** Sends whole lines. @returns where to go on @throws {ShipError} when they are refused for good */
  send(piece: Piece): Promise<Position>
}

export class CopySender implements Sender {
  readonly shipped: Shipped
  readonly #transport: Transport
  readonly #identity: LogIdentity
  readonly #onDecision: (decision: Decision) => void
  readonly #onNotOwn: TellNotOwn | undefined
  readonly #sentArtifacts = new RecentRefs()
  #headers: Promise<Record<string, string>> | undefined

  constructor(
    file: string,
    identity: LogIdentity,
    transport: Transport,
    onDecision: (decision: Decision) => void = () => {},
    onNotOwn?: TellNotOwn,
  ) {
    const { log, session } = identity
    this.shipped = { file, log, session, bytes: 0, seq: 0, artifacts: 0 }
    this.#transport = transport
    this.#identity = identity
    this.#onDecision = onDecision
    this.#onNotOwn = onNotOwn
  }

  async begin(): Promise<Position> {
    const copy = await positionOf(this.#transport, this.#identity)
    const why = await whyDifferent(this.shipped.file, copy)
    if (why !== undefined) throw new ShipError(why, 409)
    this.shipped.seq = copy.seq
    return copy.at
  }

  async position(): Promise<Position> {
    const { at, seq } = await positionOf(this.#transport, this.#identity)
    this.shipped.seq = seq
    return at
  }

  async send({ bytes, at }: Piece): Promise<Position> {
    const { shipped } = this
    await this.#sendArtifacts(bytes)
    const { status, body } = await this.#transport.post('v1/ingest', bytes, {
      ...(await this.#named()),
      'content-type': 'application/x-ndjson',
      'hivelog-name': encodeURIComponent(basename(shipped.file)),
      'hivelog-segment': String(at.segment),
      'hivelog-offset': String(at.offset),
    })
    if (status === 200) {
      shipped.bytes += bytes.length - Number(body.skipped ?? 0)
      shipped.seq = Number(body.seq)
      for (const decision of decisionsIn(body)) this.#onDecision(decision)
      return { segment: Number(body.segment), offset: Number(body.offset) }
    }
    const wanted = body.wanted as Position
    if (status === 409 && body.refusal === 'hole' && (await this.#hasMore(wanted))) return wanted
    throw refusalOf(status, body, shipped.file)
  }

  /** Whether there is anything to send from there on: else the server has other bytes, and would ask for ever. */
  async #hasMore({ segment, offset }: Position): Promise<boolean> {
    const open = await openSegment(this.shipped.file, segment)
    if (open === undefined) return false
    await open.source.handle.close()
    const walk = new LogWalk(this.shipped.file, { segment, offset })
    try {
      return (await walk.next(1)) !== undefined
    } finally {
      await walk.rest()
    }
  }

  /** Of which log it is, and of which hive. */
  #named(): Promise<Record<string, string>> {
    const { file, session, log } = this.shipped
    this.#headers ??= idsAbove(file, session).then((above) => ({
      'hivelog-session': session,
      'hivelog-log': log,
      ...(above.length > 0 && { 'hivelog-above': above.join('/') }),
    }))
    return this.#headers
  }

  /** What lines name is there before them, so that a copy is never without. */
  async #sendArtifacts(bytes: Buffer): Promise<void> {
    const refs = this.#sentArtifacts.fresh(refsIn(bytes))
    if (refs.length === 0) return
    const { file, session, log } = this.shipped
    const until = deadlineFor(bytes)
    for (let i = 0; i < refs.length; i += MAX_ASKED) {
      const asked = JSON.stringify({ session, log, refs: refs.slice(i, i + MAX_ASKED) })
      const { status, body } = await this.#transport.post('v1/artifacts/missing', asked, await this.#named())
      if (status !== 200) throw refusalOf(status, body, file)
      for (const ref of body.missing as string[]) await this.#sendArtifact(ref, until)
    }
    this.#sentArtifacts.add(refs)
  }

  async #sendArtifact(ref: string, until: number): Promise<void> {
    const { file } = this.shipped
    const content = await artifactOf(file, ref, until, this.#onNotOwn)
    if (content === undefined) return
    const { status, body } = await this.#transport.put(`v1/artifacts/${ref}`, content, await this.#named())
    if (status === 200) this.shipped.artifacts++
    else if (status !== 413) throw refusalOf(status, body, file)
  }
}

/** How far the server's copy of a log has come. */
export interface CopyState {
  /** Where it goes on. */
  at: Position
  /** Its last `seq`. */
  seq: number
  /** SHA-256 of its segment up to there; `undefined` where there is none, or the server tells none. */
  sha256: string | undefined
}

/** @throws {ShipError} */
export async function positionOf(
  transport: Transport,
  { session, log, first }: LogIdentity,
): Promise<CopyState> {
  const { status, body } = await transport.get(`v1/ingest?${new URLSearchParams({ session, log })}`)
  if (status !== 200) throw refusalOf(status, body)
  const at = { segment: Number(body.segment), offset: Number(body.offset) }
  // Segments that were removed before anything was sent are not asked for.
  return {
    at: at.offset === 0 && at.segment < first ? { segment: first, offset: 0 } : at,
    seq: Number(body.seq),
    sha256: typeof body.sha256 === 'string' && at.offset > 0 ? body.sha256 : undefined,
  }
}

/**
 * Why a log cannot go on where its copy ends: one that lost its end in a power cut and went on otherwise, say, of which
 * the server cannot see it. `undefined` where the copy is what the log holds.
 */
export async function whyDifferent(file: string, { at, sha256 }: CopyState): Promise<string | undefined> {
  if (sha256 === undefined) return undefined
  const open = await openSegment(file, at.segment)
  // Who goes on there says so.
  if (open === undefined) return undefined
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of chunksOf(open.source)) {
      hash.update(chunk.subarray(0, at.offset - size))
      size += chunk.length
      if (size >= at.offset) break
    }
  } finally {
    await open.source.handle.close()
  }
  if (size >= at.offset && hash.digest('hex') === sha256) return undefined
  const where = `${at.offset} bytes of the segment that begins at seq ${at.segment}`
  return `the server's copy of ${file} holds ${where}, and the log ${
    size < at.offset ? `only ${size}` : 'other ones there'
  }: it lost or changed lines that were sent, and nothing more of it is sent; hivelog verify says how both stand, and it is sent anew when its copy was moved out of the server's store and the server started again`
}

export function refusalOf(status: number, body: Answer['body'], file?: string): ShipError {
  const why = typeof body.error === 'string' ? body.error : 'without a reason'
  const what = file === undefined ? '' : ` ${file}`
  return new ShipError(`the server refuses${what} (${status}): ${why}`, status)
}

/** References that one request may ask for. */
const MAX_ASKED = 5_000

/** Artifacts that the server is known to have. */
class RecentRefs {
  #refs = new Set<string>()

  fresh(refs: readonly string[]): string[] {
    return refs.filter((ref) => !this.#refs.has(ref))
  }

  add(refs: readonly string[]): void {
    if (this.#refs.size > MAX_RECENT) this.#refs.clear()
    for (const ref of refs) this.#refs.add(ref)
  }
}

const MAX_RECENT = 100_000
