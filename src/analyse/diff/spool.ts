/** Standard input and pipes can be read only once, and a comparison reads twice: they are kept in files meanwhile. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { LogReadError } from '../../disk/errors.js'
import { cannotRead, chunksOf, endingLines, openSource, standardInput } from '../../read/sources.js'

/** A log that can be read again and again. */
export interface Spooled {
  file: string
  remove(): Promise<void>
}

/** Any file but `-` and a pipe is taken as it is. @throws when the temporary file cannot be written */
export async function spooled(file: string): Promise<Spooled> {
  const isPipe = file !== '-' && (await stat(file).catch(() => undefined))?.isFIFO() === true
  if (file !== '-' && !isPipe) return { file, remove: async () => undefined }
  const folder = await mkdtemp(join(tmpdir(), 'hivelog-diff-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const copy = join(folder, isPipe ? 'pipe.jsonl' : 'stdin.jsonl')
  try {
    const chunks = isPipe ? copiesOf(file) : endingLines(standardInput())
    await pipeline(chunks, createWriteStream(copy, { mode: 0o600 }))
  } catch (error) {
    await remove()
    const { message } = error as Error
    if (isPipe) throw error
    throw new LogReadError(
      `cannot keep standard input in ${folder}: ${message}; compare files instead`,
      error,
    )
  }
  return { file: copy, remove }
}

/** The bytes of a pipe. A stream holds on to its chunks, so these are copies. */
async function* copiesOf(file: string): AsyncGenerator<Buffer> {
  const source = await openSource(file, true)
  if (source === undefined) throw cannotRead(file, Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
  try {
    for await (const chunk of chunksOf(source)) yield Buffer.from(chunk)
  } finally {
    await source.handle.close()
  }
}
