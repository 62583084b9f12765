/** The states in the side index of a segment. */
import type { StoredState } from '../../model/model.js'
import { type IndexFile, inflated } from '../../read/side-index/file.js'
import { type StoredPacked, unpackState } from './packed.js'

/** The state before a block, as it was written; `undefined` when it is damaged, or one that it needs is. */
export function stateIn(index: IndexFile, number: number): StoredState | undefined {
  const { blocks } = index.directory
  try {
    // All bytes are looked at now; what they say is taken apart when it is needed.
    const chain: Stored[] = []
    const { back } = blocks.at(number)
    for (let i = 0; i <= back; i++) {
      const block = blocks.at(number - i)
      chain.push({ bytes: index.bytes(block), size: block.size })
    }
    return unpackState(packedIn(chain, 0), (i) => packedIn(chain, i))
  } catch {
    return undefined
  }
}

/** The bytes of a state, of which the first `size` are its head. */
interface Stored {
  bytes: Buffer
  size: number
}

function packedIn(chain: readonly Stored[], back: number): StoredPacked {
  const { bytes, size } = chain[back] as Stored
  return { head: inflated(bytes.subarray(0, size)), body: () => inflated(bytes.subarray(size)) }
}
