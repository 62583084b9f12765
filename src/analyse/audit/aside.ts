/**
 * Reads subjects that were too big for their line, from the artifacts beside their logs. Only what has the hash that
 * the line names is taken for the wording; what is missing, changed, no text or too big is none.
 */
import { MAX_TEXT, textOf } from '../../format/bounded.js'
import { BoundedMap } from '../../format/bounded-map.js'
import type { ArtifactRef } from '../../format/kinds.js'
import { artifactPath, readArtifact } from '../show/artifact.js'
import type { AuditAside } from './report.js'

/** Bytes of one subject, and of all of them by default. Agents choose how many they write. */
const MAX_BYTES = 1024 * 1024
const MAX_TOTAL = 256 * 1024 * 1024
/** Wordings that are known again. */
const MAX_KNOWN = 1_000

export class AsideSubjects {
  readonly #known = new BoundedMap<string>(MAX_KNOWN)
  readonly #total: number
  #left: number

  /** @param total bytes that are read at most between two calls of `begin`. Default: 256 MiB */
  constructor(total = MAX_TOTAL) {
    this.#total = this.#left = total
  }

  /** From now on as many bytes may be read again. */
  begin(): void {
    this.#left = this.#total
  }

  /** The first 500 characters. @param log path of the log whose line names it */
  async beginning(log: string, aside: ArtifactRef): Promise<string | undefined> {
    const key = `${aside.ref} ${log}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const text = textOf((await this.whole(log, aside)).text, MAX_TEXT)
    if (text !== undefined) this.#known.set(key, text)
    return text
  }

  /** All of it. @param log path of the log whose line names it */
  async whole(log: string, { ref, bytes }: ArtifactRef): Promise<{ text?: string; aside: AuditAside }> {
    const path = artifactPath(log, ref)
    const aside: AuditAside = { ref, bytes, path, status: 'unread' }
    if (bytes > MAX_BYTES || bytes > this.#left) return { aside }
    const { text, status, bytes: read = 0 } = await readArtifact(log, ref, { said: bytes, most: bytes })
    this.#left -= read
    if (text === undefined) return { aside: status === 'ok' ? aside : { ...aside, status } }
    return { text, aside: { ...aside, status } }
  }
}
