/** Compresses archived segments in the background; a reader sees the plain file or the whole compressed one. */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, unlink } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** Replaces `file` by `file.gz`. A run that is cut off leaves the plain file, and the next one starts anew. */
async function compressSegment(file: string): Promise<void> {
  const draft = `${file}.gz.tmp`
  try {
    await rm(draft, { force: true })
    await pipeline(
      createReadStream(file),
      createGzip(),
      createWriteStream(draft, { flags: 'wx', mode: 0o600 }),
    )
    const handle = await open(draft, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, `${file}.gz`)
    await unlink(file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
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

  /** One after the other, so that many that are left over do not take all threads of the pool. */
  add(archived: string): void {
    this.#last = this.#last
      .then(() => compressSegment(archived))
      .catch((error: Error) => this.#onError(archived, error))
  }

  /** Resolves when all that was added is compressed, or reported. */
  done(): Promise<void> {
    return this.#last
  }
}
