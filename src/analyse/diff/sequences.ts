/** The diff package's one function, whichever way a loader hands over the default export of a CommonJS module. */
import imported from '@jest/diff-sequences'

// Its types describe what `require` gives; `import` gives the function itself.
const loaded: unknown = imported

/** Finds a longest common subsequence in linear space (Myers). */
export const diffSequences = (
  typeof loaded === 'function' ? loaded : imported.default
) as typeof imported.default
