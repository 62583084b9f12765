/** The bytes of an answer as its sender meant them: decompressed, beside whoever reads it. */
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { diag } from '@opentelemetry/api'
import { brief } from '../../format/quote.js'

/** Compressed bytes that are kept until the end of the answer, to be decompressed at once then. */
const MAX_AT_ONCE = 256 * 1024
/** Bytes that so many may become. */
const MAX_OUT = 16 * 1024 * 1024

/** Encodings of one answer, one over the other: more are nobody's. */
const MAX_OVER = 5

interface Encoding {
  atOnce(bytes: Buffer): Buffer
  stream(): Transform
}
/** From Node 22.15 on; `@types/node` of Node 20 does not have it. */
interface Zstd {
  zstdDecompressSync?(bytes: Buffer, options: object): Buffer
  createZstdDecompress?(options: object): Transform
  constants: { ZSTD_e_flush?: number }
}

// What comes before a cut is read too.
const CUT = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: MAX_OUT }
const CUT_BROTLI = { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH, maxOutputLength: MAX_OUT }

const { zstdDecompressSync, createZstdDecompress, constants } = zlib as unknown as Zstd
const CUT_ZSTD = { finishFlush: constants.ZSTD_e_flush, maxOutputLength: MAX_OUT }

/** As far as Node's `fetch` and what uses `node:http` ask for them, and know them. */
const ENCODINGS: Record<string, Encoding> = {
  gzip: { atOnce: (bytes) => zlib.gunzipSync(bytes, CUT), stream: () => zlib.createGunzip(CUT) },
  'x-gzip': { atOnce: (bytes) => zlib.gunzipSync(bytes, CUT), stream: () => zlib.createGunzip(CUT) },
  deflate: { atOnce: (bytes) => zlib.inflateSync(bytes, CUT), stream: () => zlib.createInflate(CUT) },
  br: {
    atOnce: (bytes) => zlib.brotliDecompressSync(bytes, CUT_BROTLI),
    stream: () => zlib.createBrotliDecompress(CUT_BROTLI),
  },
  ...(zstdDecompressSync !== undefined &&
    createZstdDecompress !== undefined && {
      zstd: {
        atOnce: (bytes: Buffer) => zstdDecompressSync(bytes, CUT_ZSTD),
        stream: () => createZstdDecompress(CUT_ZSTD),
      },
    }),
}

export class DecodedBody {
  /** In the order in which they are undone; none, where one of them is not known. */
  #encodings: Encoding[] = []
  #isUnknown: boolean
  #take: (bytes: Uint8Array) => void
  #waiting: Uint8Array[] = []
  #size = 0
  /** The first of those that decompress it piece by piece, and the last. */
  #streams: { first: Transform; last: Transform } | undefined

  /**
   * @param encoding the `content-encoding`; of one that is not known nothing is taken
   * @param take gets the bytes
   */
  constructor(encoding: string | undefined, take: (bytes: Uint8Array) => void) {
    const names = (encoding ?? '')
      .toLowerCase()
      .split(',', MAX_OVER + 1)
      .map((name) => name.trim())
      .filter((name) => name !== '' && name !== 'identity')
    const known = names.flatMap((name) =>
      Object.hasOwn(ENCODINGS, name) ? (ENCODINGS[name] as Encoding) : [],
    )
    this.#isUnknown = known.length < names.length || names.length > MAX_OVER
    // The last one was put over the others.
    if (!this.#isUnknown) this.#encodings = known.reverse()
    this.#take = take
  }

  /** Bytes that wait to be decompressed at once. */
  get size(): number {
    return this.#size
  }

  add(bytes: Uint8Array): void {
    if (this.#isUnknown) return
    if (this.#encodings.length === 0) {
      this.#take(bytes)
      return
    }
    // Whoever reads the answer may do with its pieces as he likes.
    const copy = Buffer.from(bytes)
    if (this.#streams !== undefined) this.#streams.first.write(copy)
    else {
      this.#waiting.push(copy)
      this.#size += copy.length
      if (this.#size > MAX_AT_ONCE) this.#beginStreams()
    }
  }

  /** No more comes; `done` is called when all was taken. */
  end(done: () => void): void {
    if (this.#streams !== undefined) {
      const { first, last } = this.#streams
      first.end()
      // One that could not go on has closed by now.
      if (last.closed) done()
      else last.once('close', done)
      return
    }
    if (this.#size > 0) {
      try {
        let bytes: Buffer = Buffer.concat(this.#waiting)
        for (const { atOnce } of this.#encodings) bytes = atOnce(bytes)
        this.#take(bytes)
      } catch (error) {
        complain(error)
      }
    }
    this.#waiting = []
    done()
  }

  #beginStreams(): void {
    const streams = this.#encodings.map((each) => each.stream())
    const [first] = streams
    const last = streams.at(-1)
    if (first === undefined || last === undefined) return
    for (const [i, stream] of streams.entries()) {
      stream.on('error', (error) => {
        complain(error)
        // What comes after it has all that there is.
        streams[i + 1]?.end()
      })
      const next = streams[i + 1]
      if (next !== undefined) stream.pipe(next)
    }
    last.on('data', this.#take)
    for (const each of this.#waiting) first.write(each)
    this.#waiting = []
    this.#streams = { first, last }
  }
}

const complain = (error: unknown): void =>
  diag.debug(`hivelog: a model's answer cannot be decompressed: ${brief(error)}`)
