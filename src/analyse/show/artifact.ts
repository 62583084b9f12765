/** The content of an artifact, checked against the hash that is its name. */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openFile } from '../../disk/open.js'
import { artifactFolder } from '../../verify/artifacts.js'

/** What is beside a log under the hash that an event names. */
export interface ShownArtifact {
  /** SHA-256 of the content, 64 hex digits. */
  ref: string
  /** The field of the event that names it; left out where the event itself is such a reference (a snapshot). */
  field?: string
  /** Path at which it is, or should be. */
  path: string
  /** `missing`: it is not there, or cannot be read; `changed`: its content is not that of its name. */
  status: 'ok' | 'missing' | 'changed'
  /** One sentence, where the status is not ok. */
  reason?: string
  /** Bytes that it has; left out where it is missing. */
  bytes?: number
  /** Whether it is no text; left out where it is one, missing or changed. */
  binary?: boolean
  /** Its text, or the beginning of it; left out where it is binary, missing or changed. */
  text?: string
  /** Bytes that `text` leaves out; left out where it has all. */
  cut?: number
}

/** Bytes of a text that are given unless all of it is asked for. */
export const SHOWN_BYTES = 16 * 1024
/** More than this is never held, whatever is asked for. */
const MOST_KEPT = 256 * 1024 * 1024
const PIECE = 256 * 1024
const SHA256 = /^[0-9a-f]{64}$/

/** Where an artifact of a log is, or should be. */
export const artifactPath = (log: string, ref: string): string =>
  join(artifactFolder(log), ref.slice(0, 2), ref)

/**
 * Reads an artifact of a log. Never throws.
 * @param said bytes that the event says it has
 * @param full gives all of its text, up to 256 MiB, and not only its first 16 KiB
 * @param most bytes that it may have: of one that has more no more is read, and it is `changed`; all of its text is
 *   given. Default: any number
 */
export async function readArtifact(
  log: string,
  ref: string,
  { field, said, full = false, most }: { field?: string; said?: number; full?: boolean; most?: number } = {},
): Promise<ShownArtifact> {
  const path = artifactPath(log, ref)
  const shown: ShownArtifact = { ref, ...(field !== undefined && { field }), path, status: 'ok' }
  try {
    const { hash, bytes, kept } = await contentOf(path, most ?? (full ? MOST_KEPT : SHOWN_BYTES), most)
    shown.bytes = bytes
    if (hash !== ref) return changed(shown, 'its content is not that of its name: somebody changed it')
    if (said !== undefined && said !== bytes) {
      return changed(shown, `it has ${bytes} bytes, not the ${said} that the event says`)
    }
    const text = textIn(kept, kept.length < bytes)
    if (text === undefined) return { ...shown, binary: true }
    const cut = bytes - Buffer.byteLength(text)
    return { ...shown, text, ...(cut > 0 && { cut }) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' || code === 'ENOTDIR' ? 'it is not there' : `it cannot be read: ${message}`
    return { ...shown, status: 'missing', reason }
  }
}

const changed = (shown: ShownArtifact, reason: string): ShownArtifact => ({
  ...shown,
  status: 'changed',
  reason,
})

/** @param keep bytes that are kept @param most bytes after which it is not read on; the hash is of what was read */
async function contentOf(
  path: string,
  keep: number,
  most = Number.POSITIVE_INFINITY,
): Promise<{ hash: string; bytes: number; kept: Buffer }> {
  const file = await openFile(path)
  try {
    const hash = createHash('sha256')
    const pieces: Buffer[] = []
    let bytes = 0
    while (bytes <= most) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, bytes)
      if (bytesRead === 0) break
      const piece = buffer.subarray(0, bytesRead)
      hash.update(piece)
      if (bytes < keep) pieces.push(piece.subarray(0, keep - bytes))
      bytes += bytesRead
    }
    return { hash: hash.digest('hex'), bytes, kept: Buffer.concat(pieces) }
  } finally {
    await file.close()
  }
}

/** The bytes as text; `undefined` when they are none. */
function textIn(bytes: Buffer, isCut: boolean): string | undefined {
  let end = bytes.length
  // A character may have been cut in two.
  if (isCut) for (let i = 0; i < 3 && !isUtf8(bytes.subarray(0, end)); i++) end--
  const whole = bytes.subarray(0, end)
  return isUtf8(whole) && !whole.includes(0) ? whole.toString('utf8') : undefined
}

/** Artifacts beside a log whose hash begins so; at most `most` of them. */
export async function artifactsLike(log: string, prefix: string, most: number): Promise<string[]> {
  const names = await readdir(join(artifactFolder(log), prefix.slice(0, 2))).catch(() => [] as string[])
  return names.filter((name) => SHA256.test(name) && name.startsWith(prefix)).slice(0, most)
}
