/** Counts lines: what numbers the entries of a log that carries no `seq`, where reading does not begin at line 1. */
import type { Segment } from '../disk/segments.js'
import { openSource, type Source, soundChunksOf } from './sources.js'

/** Lines of the whole log before this offset of a segment. `earlier` are the archived segments before it. */
export async function linesBefore(
  source: Source,
  offset: number,
  earlier: readonly Segment[],
): Promise<number> {
  let lines = 0
  if (source.firstSeq !== undefined && !source.live) {
    lines = source.firstSeq - 1
  } else {
    for (const segment of earlier) {
      const archived = (await openSource(segment.file)) ?? (await openSource(`${segment.file}.gz`))
      if (archived === undefined) continue
      try {
        lines += await countLines(archived, Number.POSITIVE_INFINITY)
      } finally {
        await archived.handle.close()
      }
    }
  }
  return lines + (await countLines(source, offset))
}

async function countLines(source: Source, until: number): Promise<number> {
  let lines = 0
  let position = 0
  for await (const chunk of soundChunksOf(source)) {
    const end = Math.min(chunk.length, until - position)
    for (let at = chunk.indexOf(10); at !== -1 && at < end; at = chunk.indexOf(10, at + 1)) lines++
    position += chunk.length
    if (position >= until) break
  }
  return lines
}
