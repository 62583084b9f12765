/** How what is sent is compressed: as little work as the server allows, on the pool. */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

const gzip = promisify(zlib.gzip)

/** Node has zstd from 22.15 on. */
const { zstdCompress } = zlib as {
  zstdCompress?: (bytes: Uint8Array, done: (error: Error | null, packed: Buffer) => void) => void
}
const zstd = zstdCompress === undefined ? undefined : promisify(zstdCompress)

/** Fewer bytes are not worth the work. */
const MIN_BYTES = 512

export interface Packed {
  bytes: Uint8Array
  /** `content-encoding`; `undefined` for bytes as they are. */
  encoding: 'gzip' | 'zstd' | undefined
}

/** What the server said that it unpacks. Until it has said anything that is gzip. */
export class Encoding {
  #takesZstd = false

  /** @param acceptEncoding the header of that name in an answer (RFC 7694) */
  learn(acceptEncoding: string | undefined): void {
    if (acceptEncoding !== undefined) this.#takesZstd = /(?:^|[\s,])zstd(?:$|[\s,;])/i.test(acceptEncoding)
  }

  /** Another server has taken its place, which knows gzip only. @returns whether that makes a difference */
  refused(encoding: Packed['encoding']): boolean {
    const was = this.#takesZstd
    this.#takesZstd = false
    return was || encoding === 'zstd'
  }

  async pack(bytes: Uint8Array): Promise<Packed> {
    if (bytes.length < MIN_BYTES) return { bytes, encoding: undefined }
    if (this.#takesZstd && zstd !== undefined) return { bytes: await zstd(bytes), encoding: 'zstd' }
    return { bytes: await gzip(bytes, { level: zlib.constants.Z_BEST_SPEED }), encoding: 'gzip' }
  }
}
