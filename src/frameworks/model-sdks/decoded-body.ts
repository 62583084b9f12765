/** The bytes of an answer as its sender meant them: decompressed, beside whoever reads it. */
import zlib from 'node:zlib'
import { diag } from '@opentelemetry/api'
import { brief } from '../../format/quote.js'

/** Compressed bytes that are kept until the end of the answer, to be decompressed at once then. */
const MAX_AT_ONCE = 256 * 1024
/** Bytes that so many may become. */
const MAX_OUT = 16 * 1024 * 1024

interface Encoding {
  atOnce(bytes: Buffer): Buffer
  stream(): zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress
}

// What comes before a cut is read too.
const CUT = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: MAX_OUT }
const CUT_BROTLI = { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH, maxOutputLength: MAX_OUT }

/** As far as Node's `fetch` and what uses `node:http` ask for them. */
const ENCODINGS: Record<string, Encoding> = {
  gzip: { atOnce: (bytes) => zlib.gunzipSync(bytes, CUT), stream: () => zlib.createGunzip(CUT) },
  'x-gzip': { atOnce: (bytes) => zlib.gunzipSync(bytes, CUT), stream: () => zlib.createGunzip(CUT) },
  deflate: { atOnce: (bytes) => zlib.inflateSync(bytes, CUT), stream: () => zlib.createInflate(CUT) },
  br: {
    atOnce: (bytes) => zlib.brotliDecompressSync(bytes, CUT_BROTLI),
    stream: () => zlib.createBrotliDecompress(CUT_BROTLI),
  },
}

export class DecodedBody {
  #encoding: Encoding | undefined
  #isUnknown: boolean
  #take: (bytes: Uint8Array) => void
  #waiting: Uint8Array[] = []
  #size = 0
  #stream: ReturnType<Encoding['stream']> | undefined

  /**
   * @param encoding the `content-encoding`; of one that is not known nothing is taken
   * @param take gets the bytes
   */
  constructor(encoding: string | undefined, take: (bytes: Uint8Array) => void) {
    const name = encoding?.trim().toLowerCase() ?? ''
    this.#encoding = ENCODINGS[name]
    this.#isUnknown = name !== '' && name !== 'identity' && this.#encoding === undefined
    this.#take = take
  }

  /** Bytes that wait to be decompressed at once. */
  get size(): number {
    return this.#size
  }

  add(bytes: Uint8Array): void {
    if (this.#isUnknown) return
    if (this.#encoding === undefined) {
      this.#take(bytes)
      return
    }
    // Whoever reads the answer may do with its pieces as he likes.
    const copy = Buffer.from(bytes)
    if (this.#stream !== undefined) this.#stream.write(copy)
    else {
      this.#waiting.push(copy)
      this.#size += copy.length
      if (this.#size > MAX_AT_ONCE) this.#beginStream(this.#encoding)
    }
  }

  /** No more comes; `done` is called when all was taken. */
  end(done: () => void): void {
    if (this.#stream !== undefined) {
      this.#stream.once('close', done)
      this.#stream.end()
      return
    }
    if (this.#encoding !== undefined && this.#size > 0) {
      try {
        this.#take(this.#encoding.atOnce(Buffer.concat(this.#waiting)))
      } catch (error) {
        diag.debug(`hivelog: a model's answer cannot be decompressed: ${brief(error)}`)
      }
    }
    this.#waiting = []
    done()
  }

  #beginStream(encoding: Encoding): void {
    const stream = encoding.stream()
    stream.on('data', this.#take)
    stream.on('error', (error) =>
      diag.debug(`hivelog: a model's answer cannot be decompressed: ${brief(error)}`),
    )
    for (const each of this.#waiting) stream.write(each)
    this.#waiting = []
    this.#stream = stream
  }
}
