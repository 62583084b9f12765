/**
 * Whether the index of a segment tells of the bytes that are there. A file that is the same by device, inode, size,
 * time of writing and time of change is taken to hold the bytes that it held: nobody but root can set that last time.
 * Otherwise the tags of all that was indexed are made again and compared (see `tag.ts`); so it is with a file that grew,
 * was renamed, compressed or copied, and with one that was written so shortly before it was read that its times could
 * not tell.
 */
import { chunksOf, type Source } from '../sources.js'
import type { Directory } from './directory.js'
import { Tag, tagKey } from './tag.js'

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

/**
 * `same`: the file is the one that was indexed. `fits`: its bytes are.
 * @param key the index's
 */
export async function fits(
  source: Source,
  directory: Directory,
  key: Buffer,
): Promise<'same' | 'fits' | 'no'> {
  const { stats, gzip } = source
  if (!stats.isFile()) return 'no'
  if (isSame(source, directory)) return 'same'
  const indexed = directory.blocks.last?.offset ?? 0
  const size = Number(stats.size)
  if (gzip ? !directory.final : size < indexed || (directory.final && size !== indexed)) return 'no'
  return (await hasBytes(source, directory, key)) ? 'fits' : 'no'
}

async function hasBytes(source: Source, { blocks, final }: Directory, indexKey: Buffer): Promise<boolean> {
  const [first, ...others] = blocks
  const last = others.at(-1)
  if (first === undefined || last === undefined) return first?.offset === 0
  const key = tagKey(indexKey)
  let before = first.link
  let offset = 0
  let next = 0
  let tag: Tag | undefined
  try {
    for await (const chunk of chunksOf(source, 0, CHUNK)) {
      let rest = chunk
      while (next < others.length) {
        const { offset: end, link } = others[next] as (typeof others)[number]
        tag ??= linkAfter(before, Tag.like(link, key))
        const part = rest.subarray(0, end - offset)
        tag.add(part)
        offset += part.length
        rest = rest.subarray(part.length)
        if (offset < end) break
        if (!tag.is(link)) return false
        before = link
        tag = undefined
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

/** Makes the links of a segment, one a block: each is a tag of the one before and the bytes since, to be gone on with. */
export class ByteChain {
  /** Bytes that were added since the segment's start. */
  offset: number
  readonly #key: Buffer
  #tag: Tag

  /**
   * @param key the index's
   * @param link the last link
   */
  constructor(key: Buffer, link: string, offset = 0) {
    this.offset = offset
    this.#key = tagKey(key)
    this.#tag = linkAfter(link, new Tag(this.#key))
  }

  add(bytes: Buffer): void {
    this.#tag.add(bytes)
    this.offset += bytes.length
  }

  /** Ends a link. */
  link(): string {
    const link = this.#tag.end()
    this.#tag = linkAfter(link, new Tag(this.#key))
    return link
  }
}

function linkAfter(before: string, tag: Tag): Tag {
  tag.add(Buffer.from(before))
  return tag
}
