/** The states in the side index of a segment. */
import type { StoredState } from '../../model/model.js'
import { type IndexFile, inflated } from '../../read/side-index/file.js'
import { unpackState } from './packed.js'

/** The state before a block, as it was written; `undefined` when it is damaged, or one that it needs is. */
export function stateIn(index: IndexFile, number: number): StoredState | undefined {
  const { blocks } = index.directory
  try {
    // All bytes are looked at now; what they say is taken apart when it is needed.
    const chain: Stored[] = []
    for (let at = number; ; at--) {
      const block = blocks.at(at)
      chain.push({ bytes: index.bytes(block), size: block.size })
      if (block.isNews !== true) return stateOf(chain)
    }
  } catch {
    return undefined
  }
}

/** The bytes of a state, of which the first `size` are its head. */
interface Stored {
  bytes: Buffer
  size: number
}

/** @param chain a state, then those before it, as far as it needs them */
function stateOf([stored, ...before]: readonly Stored[]): StoredState {
  const { bytes, size } = stored as Stored
  return unpackState(
    inflated(bytes.subarray(0, size)),
    () => inflated(bytes.subarray(size)),
    before.length === 0 ? undefined : () => stateOf(before),
  )
}
