/** Compresses archived segments in the background; a reader sees the plain file or the whole compressed one. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { draftOf, syncFolder } from '../disk/durable.js'

/**
 * Replaces `file` by `file.gz`, once what was compressed has been read back and is the same to the byte. A run that is
 * cut off leaves the plain file, and the next one starts anew.
 * @param sha256 of the file, where the writer knows it
 */
async function compressSegment(file: string, sha256: string | undefined): Promise<void> {
  const compressed = `${file}.gz`
  const draft = draftOf(compressed)
  try {
    const source = new Tally()
    await pipeline(
      createReadStream(file),
      source.count,
      createGzip(),
      createWriteStream(draft, { flags: 'wx', mode: 0o600 }),
    )
    const { size } = await stat(file)
    if (source.bytes !== size) throw new Error(`${source.bytes} of its ${size} bytes were read`)
    const original = source.digest()
    if (sha256 !== undefined && original !== sha256)
      throw new Error('its bytes are not those that were written')
    await forceToDisk(draft)
    const copy = new Tally()
    await pipeline(createReadStream(draft), createGunzip(), copy.count, copy.sink)
    if (copy.bytes !== size || copy.digest() !== original) {
      throw new Error('what was compressed does not read back as it was')
    }
    await rename(draft, compressed)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  // The compressed file must have its name for good before the plain one loses its own.
  await syncFolder(dirname(file))
  await unlink(file)
  await syncFolder(dirname(file))
}

async function forceToDisk(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Counts and hashes what flows past. */
class Tally {
  bytes = 0
  #hash = createHash('sha256')

  count = async function* (this: Tally, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length
      this.#hash.update(chunk)
      yield chunk
    }
  }.bind(this)

  /** Takes what flows and keeps none of it. */
  sink = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const _ of chunks);
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** Compresses archived segments, and knows when it is done. */
export class Compressor {
  #onError: (archived: string, error: Error) => void
  #last = Promise.resolve()

  /** @param onError told of a segment that stays uncompressed */
  constructor(onError: (archived: string, error: Error) => void) {
    this.#onError = onError
  }

  /**
   * One after the other, so that many that are left over do not take all threads of the pool.
   * @param sha256 of the segment, where the writer knows it
   */
  add(archived: string, sha256?: string): void {
    this.#last = this.#last
      .then(() => compressSegment(archived, sha256))
      .catch((error: Error) => this.#onError(archived, error))
  }

  /** Resolves when all that was added is compressed, or reported. */
  done(): Promise<void> {
    return this.#last
  }
}
