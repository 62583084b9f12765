/** Small files that an option names: keys, prices, settings. */
import { chunksOf, openSource } from '../read/sources.js'
import { UsageError } from './args.js'

const MAX_BYTES = 16 * 1024 * 1024

/**
 * All of a file, or of a pipe.
 * @param what the file is, for the error: `the key`
 * @throws {UsageError} when it cannot be read, or is larger than such a file can be
 */
export async function readInput(what: string, file: string): Promise<Buffer> {
  const cannot = (reason: string): UsageError => new UsageError(`cannot read ${what} ${file}: ${reason}`)
  const pieces: Buffer[] = []
  let length = 0
  try {
    // A name that ends in .gz makes no difference here.
    const source = await openSource(file, true)
    if (source === undefined) throw cannot('there is no such file')
    try {
      for await (const chunk of chunksOf({ ...source, gzip: false })) {
        length += chunk.length
        if (length > MAX_BYTES) throw cannot('it is larger than 16 MiB')
        pieces.push(Buffer.from(chunk))
      }
    } finally {
      await source.handle.close()
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw cannot((error as Error).message.replace(/^cannot read .*?: (?=it is|there is|no permission)/s, ''))
  }
  return Buffer.concat(pieces)
}
