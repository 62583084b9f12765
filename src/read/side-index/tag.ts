/**
 * What tells bytes apart from all that somebody without the index's key could put in their place: AES-GCM as a MAC
 * (GMAC, NIST SP 800-38D), at a fifth of the time of a SHA-256. Each tag has a nonce of its own, which stands before it.
 */
import { createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Hexadecimal digits of a tag with its nonce. */
export const TAG_DIGITS = 2 * (NONCE_BYTES + TAG_BYTES)

/** A key for tags, which is made of the index's key: that authenticates directories, and nothing else. */
export const tagKey = (key: Buffer): Buffer => createHmac('sha256', key).update('hivelog-index tags').digest()

/** Makes the tag of bytes that are added one after the other. */
export class Tag {
  readonly #nonce: Buffer
  readonly #cipher: ReturnType<typeof createGcm>

  /** @param nonce Default: one that no other tag has, as a second one by the same nonce would give the key away */
  constructor(key: Buffer, nonce: Buffer = randomBytes(NONCE_BYTES)) {
    this.#nonce = nonce
    this.#cipher = createGcm(key, nonce)
  }

  /** As one that was made has to begin, to be compared with it. */
  static like(tag: string, key: Buffer): Tag {
    return new Tag(key, Buffer.from(tag.slice(0, 2 * NONCE_BYTES), 'hex'))
  }

  add(bytes: Buffer): void {
    // What is authenticated but not encrypted can come in any number of pieces.
    this.#cipher.setAAD(bytes)
  }

  /** `TAG_DIGITS` hexadecimal digits. */
  end(): string {
    this.#cipher.final()
    return this.#nonce.toString('hex') + this.#cipher.getAuthTag().toString('hex')
  }

  /** Ends it. Whether it is that one; the time it takes tells nothing of where they differ. */
  is(tag: string): boolean {
    const own = Buffer.from(this.end())
    const other = Buffer.from(tag)
    return own.length === other.length && timingSafeEqual(own, other)
  }
}

const createGcm = (key: Buffer, nonce: Buffer) =>
  createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
