/** Compares a segment with a compressed copy beside it, which a compression that was cut off leaves. */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { isBeingMade } from '../read/chain.js'
import { chunksOf, openSource, type Source } from '../read/sources.js'
import type { VerifyFinding } from './report.js'

/** @param sha256 of all bytes of the plain segment */
export async function checkTwin(source: Source, sha256: string): Promise<VerifyFinding[]> {
  const twin = source.twin === undefined ? undefined : await openSource(source.twin)
  if (twin === undefined) return []
  const hash = createHash('sha256')
  let isReadable = true
  try {
    for await (const chunk of chunksOf(twin)) hash.update(chunk)
  } catch {
    isReadable = false
  }
  try {
    if ((isReadable && hash.digest('hex') === sha256) || (await isBeingMade(source, twin))) return []
  } finally {
    await twin.handle.close()
  }
  const what = isReadable ? 'has another content than' : 'is damaged, beside'
  const message = `this compressed copy ${what} ${basename(source.file)}, which is read`
  return [{ kind: 'twin-differs', file: twin.file, message }]
}
