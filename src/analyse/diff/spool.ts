/** Standard input can be read only once, and a comparison reads twice: it is kept in a file of its own meanwhile. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { endingLines } from '../../read/sources.js'

/** A log that can be read again and again. */
export interface Spooled {
  file: string
  remove(): Promise<void>
}

/** Any file but `-` is taken as it is. @throws when the temporary file cannot be written */
export async function spooled(file: string): Promise<Spooled> {
  if (file !== '-') return { file, remove: async () => undefined }
  const folder = await mkdtemp(join(tmpdir(), 'hivelog-diff-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const copy = join(folder, 'stdin.jsonl')
  try {
    await pipeline(process.stdin, endingLines, createWriteStream(copy, { mode: 0o600 }))
  } catch (error) {
    await remove()
    throw new Error(
      `cannot keep standard input in ${folder}: ${(error as Error).message}; compare files instead`,
    )
  }
  return { file: copy, remove }
}
