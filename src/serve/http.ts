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
  const timer = setTimeout(() => request.destroy(new HttpError(408, 'the body took too long')), limits.ms)
  try {
    const sent = await (announced > 0 ? announcedBytes(request, announced) : bytesOf(request, limits.sent))
    return unpacker === undefined
      ? sent
      : await unpacked(sent, unpacker({ chunkSize: pieceSizeFor(sent, encoding) }), limits.unpacked)
  } finally {
    clearTimeout(timer)
  }
}

/** Each piece goes to its place as it comes: kept until the last one is there, they would keep the collector busy. */
async function announcedBytes(request: IncomingMessage, length: number): Promise<Buffer> {
  let body: Buffer | undefined
  let size = 0
  await eachChunk(request, (chunk) => {
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

async function bytesOf(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  await eachChunk(request, (chunk) => {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  })
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/** @throws {HttpError} what `take` throws, or that the body was cut off */
async function eachChunk(request: IncomingMessage, take: (chunk: Buffer) => void): Promise<void> {
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) take(chunk)
  } catch (error) {
    if (error instanceof HttpError) throw error
    throw new HttpError(400, 'the body was cut off')
  }
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

/** Sends a value as JSON. */
export function answer(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  // As text it goes out with the headers in one piece.
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What a sender may compress with (RFC 7694).
    'accept-encoding': ENCODINGS.join(', '),
    ...headers,
  })
  response.end(body)
}
