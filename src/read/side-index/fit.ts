/**
 * Whether the index of a segment tells of the bytes that are there. A file that is the same by device, inode, size,
 * time of writing and time of change is taken to hold the bytes that it held: nobody but root can set that last time.
 * Otherwise all that was indexed is hashed and compared; so it is with a file that grew, was renamed, compressed or
 * copied, and with one that was written so shortly before it was read that its times could not tell.
 */
import { createHash } from 'node:crypto'
import { chunksOf, type Source } from '../sources.js'
import type { Directory } from './directory.js'

/** A file as the system knows it. */
export interface Identity {
  dev: string
  ino: string
  size: string
  mtimeNs: string
  ctimeNs: string
}

/** As coarse as the times of files are, with some to spare, milliseconds. */
const COARSE_MS = 2000
const CHUNK = 1024 * 1024

/** What tells the file of an open segment from what it may become; `undefined` if it was written just now. */
export function identityOf({ stats }: Source): Identity | undefined {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats
  if (Date.now() - Number(ctimeNs / 1_000_000n) < COARSE_MS) return undefined
  const [a, b, c, d, e] = [dev, ino, size, mtimeNs, ctimeNs].map(String) as [
    string,
    string,
    string,
    string,
    string,
  ]
  return { dev: a, ino: b, size: c, mtimeNs: d, ctimeNs: e }
}

/** Whether an open segment's file is the one that was indexed. */
export const isSame = ({ stats }: Source, { identity }: Directory): boolean =>
  stats.isFile() &&
  identity !== undefined &&
  identity.dev === String(stats.dev) &&
  identity.ino === String(stats.ino) &&
  identity.size === String(stats.size) &&
  identity.mtimeNs === String(stats.mtimeNs) &&
  identity.ctimeNs === String(stats.ctimeNs)

/** `same`: the file is the one that was indexed. `fits`: its bytes are. */
export async function fits(source: Source, directory: Directory): Promise<'same' | 'fits' | 'no'> {
  const { stats, gzip } = source
  if (!stats.isFile()) return 'no'
  if (isSame(source, directory)) return 'same'
  const indexed = directory.blocks.last?.offset ?? 0
  const size = Number(stats.size)
  if (gzip ? !directory.final : size < indexed || (directory.final && size !== indexed)) return 'no'
  return (await hasBytes(source, directory)) ? 'fits' : 'no'
}

async function hasBytes(source: Source, { blocks, final }: Directory): Promise<boolean> {
  const [first, ...others] = blocks
  const last = others.at(-1)
  if (first === undefined || last === undefined) return first?.offset === 0
  const chain = new ByteChain(first.hash)
  let next = 0
  try {
    for await (const chunk of chunksOf(source, 0, CHUNK)) {
      let rest = chunk
      while (next < others.length) {
        const block = others[next] as (typeof others)[number]
        const left = block.offset - chain.offset
        chain.add(rest.subarray(0, left))
        if (rest.length < left) break
        rest = rest.subarray(left)
        if (chain.link() !== block.hash) return false
        next++
      }
      if (next < others.length) continue
      // Behind the end of an archived segment nothing may have come.
      if (!final || rest.length > 0) return !final
    }
  } catch (error) {
    if (!source.gzip) throw error
    return false
  }
  return next === others.length
}

/** Hashes a segment in links, one a block: each is over the one before and the bytes since, so it can be gone on with. */
export class ByteChain {
  /** Bytes that were added since the segment's start. */
  offset: number
  #hash: ReturnType<typeof createHash>

  /** @param link the last link */
  constructor(link: string, offset = 0) {
    this.offset = offset
    this.#hash = createHash('sha256').update(link)
  }

  add(bytes: Buffer): void {
    this.#hash.update(bytes)
    this.offset += bytes.length
  }

  /** Ends a link. */
  link(): string {
    const link = this.#hash.digest('hex')
    this.#hash = createHash('sha256').update(link)
    return link
  }
}
