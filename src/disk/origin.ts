/** What a copy's log is called where it is written. */
import { closeSync, readSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { originFile, parseArchiveName } from '../format/beside.js'
import { openFileSync } from './open.js'

/** Bytes that it takes to tell a file name. */
const MAX_ORIGIN = 4096

/**
 * What the log is called where it was written, if this is a copy (`<log>.origin`): a file name, and never a path, as a
 * stranger gave it: a name to show, and for signatures one that counts only beside a file that is called by its log's id.
 */
export function originOf(file: string): string | undefined {
  const archive = parseArchiveName(file)
  const log = archive === undefined ? file : join(dirname(file), `${archive.stem}.jsonl`)
  try {
    const fd = openFileSync(originFile(log))
    try {
      const bytes = Buffer.alloc(MAX_ORIGIN)
      const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, MAX_ORIGIN, 0))
      const { name } = JSON.parse(text) as { name?: unknown }
      return typeof name === 'string' && name !== '' ? basename(name) : undefined
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}
