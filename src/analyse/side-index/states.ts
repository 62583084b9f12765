/** The states in the side index of a segment. */
import type { StoredState } from '../../model/model.js'
import { type IndexFile, inflated } from '../../read/side-index/file.js'
import { unpackState } from './packed.js'

/** The state before a block, as it was written; `undefined` when it is damaged, or one that it needs is. */
export function stateIn(index: IndexFile, number: number): StoredState | undefined {
  const { blocks } = index.directory
  try {
    // All bytes are looked at now; what they say is taken apart when it is needed.
    const chain: Buffer[] = []
    for (let { back } = blocks.at(number); back >= 0; back--)
      chain.push(index.bytes(blocks.at(number - back)))
    const at = (back: number): string => inflated(chain[chain.length - 1 - back] as Buffer)
    return unpackState(at(0), at)
  } catch {
    return undefined
  }
}
