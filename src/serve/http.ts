/** What all requests have in common: errors with their status, bodies within bounds, answers in JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'

/** A request that is refused: the status, and one line that says why and what to do. */
export class HttpError extends Error {
  readonly status: number
  /** More for programs, in the answer's JSON. */
  readonly more: Record<string, unknown>
  readonly headers: Record<string, string>

  constructor(
    status: number,
    message: string,
    more: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.more = more
    this.headers = headers
  }
}

/** Said of trouble that may be over soon. */
export const NOT_NOW = 'the disk does not take it now; what is not acknowledged may be sent again'

export interface BodyLimits {
  /** Bytes as they are sent. */
  sent: number
  /** Bytes when they are unpacked. */
  unpacked: number
  /** Milliseconds that the whole body may take. */
  ms: number
}

/** Bytes may become so many times more when unpacked, beyond the first mebibyte. */
const MAX_RATIO = 200
const RATIO_FROM = 1024 * 1024

type Unpacker = (options: { chunkSize: number }) => Transform

/** Node 20 has no zstd. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: Unpacker }

const UNPACKERS: Record<string, Unpacker | undefined> = {
  gzip: zlib.createGunzip,
  ...(createZstdDecompress !== undefined && { zstd: createZstdDecompress }),
}

/** Bytes of a piece that comes out at once. Each is a turn of the pool, and several are put together at the end. */
const MIN_PIECE = 16 * 1024
const MAX_PIECE = 4 * 1024 * 1024

/** As much as there will be, if gzip's last four bytes tell the truth; else some four times as much as came. */
function pieceSizeFor(sent: Buffer, encoding: string): number {
  const told = encoding === 'gzip' && sent.length > 4 ? sent.readUInt32LE(sent.length - 4) + 1 : 0
  const isLikely = told > sent.length && told <= sent.length * MAX_RATIO
  const wanted = isLikely ? told : sent.length * 4
  return Math.min(MAX_PIECE, Math.max(MIN_PIECE, wanted))
}

/** Content encodings that can be unpacked. */
export const ENCODINGS = Object.keys(UNPACKERS)

/** @throws {HttpError} when it is too big, too slow, cut off, or not what its encoding says */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const announced = Number(request.headers['content-length'])
  if (announced > limits.sent) throw tooLarge(limits.sent)
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const unpacker = encoding === 'identity' ? undefined : UNPACKERS[encoding]
  if (encoding !== 'identity' && unpacker === undefined) {
    const message = `content-encoding ${JSON.stringify(encoding).slice(0, 40)} is not known; use ${ENCODINGS.join(', ')} or none`
    throw new HttpError(415, message, {}, { 'accept-encoding': ENCODINGS.join(', ') })
  }
  const sent = await (announced > 0
    ? announcedBytes(request, announced, limits.ms)
    : bytesOf(request, limits))
  return unpacker === undefined
    ? sent
    : await unpacked(sent, unpacker({ chunkSize: pieceSizeFor(sent, encoding) }), limits.unpacked)
}

/** Each piece goes to its place as it comes: kept until the last one is there, they would keep the collector busy. */
async function announcedBytes(request: IncomingMessage, length: number, ms: number): Promise<Buffer> {
  let body: Buffer | undefined
  let size = 0
  await eachChunk(request, ms, (chunk) => {
    // No memory for what is announced and does not come.
    if (body === undefined && chunk.length === length) body = chunk
    else {
      body ??= Buffer.allocUnsafe(length)
      chunk.copy(body, size)
    }
    size += chunk.length
  })
  return body ?? Buffer.alloc(0)
}

async function bytesOf(request: IncomingMessage, { sent: limit, ms }: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  await eachChunk(request, ms, (chunk) => {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  })
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/**
 * Leaves the connection open whatever happens, so that the sender can be told.
 * @throws {HttpError} what `take` throws, that it took too long, or that it was cut off
 */
function eachChunk(request: IncomingMessage, ms: number, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((done, failed) => {
    const late = setTimeout(() => over(new HttpError(408, `the body took more than ${ms} ms`)), ms)
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk)
      } catch (error) {
        over(error)
      }
    }
    const onEnd = (): void => over(undefined)
    const onCut = (): void => over(new HttpError(400, 'the body was cut off'))
    function over(error: unknown): void {
      clearTimeout(late)
      request.off('data', onData).off('end', onEnd).off('close', onCut)
      if (error === undefined) done()
      else failed(error)
    }
    // Without anybody who hears of it, a cut connection would end the process.
    request.on('error', onCut)
    request.on('close', onCut).on('end', onEnd).on('data', onData)
    if (request.destroyed) onCut()
  })
}

async function unpacked(sent: Buffer, unpacker: Transform, limit: number): Promise<Buffer> {
  const most = Math.min(limit, Math.max(RATIO_FROM, sent.length * MAX_RATIO))
  const chunks: Buffer[] = []
  let size = 0
  unpacker.end(sent)
  try {
    for await (const chunk of unpacker as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > most) throw new HttpError(413, `the body unpacks to more than ${most} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof HttpError) throw error
    throw new HttpError(400, 'the body is not what its content-encoding says')
  } finally {
    unpacker.destroy()
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

const tooLarge = (limit: number): HttpError =>
  new HttpError(413, `the body is larger than ${limit} bytes; send less at once`, { maxBytes: limit })

const COMMON = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
/** What a sender may compress with (RFC 7694). */
const ACCEPTED = { 'accept-encoding': ENCODINGS.join(', ') }

/** A value as JSON, a line. */
export const jsonOf = (value: unknown): string => `${JSON.stringify(value)}\n`

/** Sends a value as JSON. */
export function answer(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  send(response, status, jsonOf(value), { 'content-type': 'application/json', ...headers })
}

/** Sends a body whole; text goes out with the headers in one piece. */
export function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Record<string, string>,
): void {
  response.writeHead(status, headersOf(body, headers))
  response.end(body)
}

const headersOf = (body: string | Uint8Array, headers: Record<string, string>): Record<string, string> => ({
  ...COMMON,
  ...ACCEPTED,
  ...headers,
  'content-length': String(Buffer.byteLength(body)),
})

/** How long what is left of a refused body is read, milliseconds, and how many bytes of it. */
const LINGER_MS = 1_000
const LINGER_BYTES = 64 * 1024 * 1024

/**
 * Refuses a request, whose connection ends with it: what is left of its body would be taken for the next request. That
 * rest is thrown away for a moment before: a connection that is closed over unread bytes is reset, and the reset takes
 * the answer with it.
 */
export function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Record<string, string>,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  response.writeHead(status, headersOf(body, { connection: 'close', ...headers }))
  if (request.complete) {
    response.end(body)
    return
  }
  response.write(body)
  let left = LINGER_BYTES
  const end = (): void => {
    clearTimeout(timer)
    request.off('data', onData).off('end', end).off('close', end)
    response.end()
  }
  const onData = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.on('error', end)
  request.on('data', onData).on('end', end).on('close', end)
}
