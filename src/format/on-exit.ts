/** The end of the process, for all that is to be done before it: the one door to `signal-exit`. */
import { onExit as ofPackage, signals } from 'signal-exit'

/**
 * What Node itself ignores stays ignored: whoever writes past the limit of a file's size gets `EFBIG`, and goes on. The
 * package would have the process end by it. It looks at its list at the first `onExit`; this is our own copy of it, so
 * other copies in the process keep theirs.
 */
const IGNORED: readonly NodeJS.Signals[] = ['SIGPIPE', 'SIGXFSZ']

for (const signal of IGNORED) {
  const at = signals.indexOf(signal)
  if (at !== -1) signals.splice(at, 1)
}

type End = (code: number | null | undefined, signal: NodeJS.Signals | null) => void

/**
 * Of ours: the package's list holds two for all of them. What is taken out of that list while it is gone through makes it
 * pass over the next one, the application's maybe; what is added then makes it catch the signal that is to end the process.
 */
const ends = new Set<{ end: End }>()
const lastEnds = new Set<{ end: End }>()
let remove: (() => void) | undefined
let isEnding = false

/**
 * Calls `end` when the process ends, by whatever way. Returns how to take that back. Both are allowed while it ends.
 * @param options `alwaysLast`: after all that come without it
 */
export function onExit(end: End, { alwaysLast = false }: { alwaysLast?: boolean } = {}): () => void {
  const all = alwaysLast ? lastEnds : ends
  const given = { end }
  all.add(given)
  if (!isEnding) remove ??= listen()
  return () => {
    all.delete(given)
    if (isEnding || ends.size + lastEnds.size > 0) return
    remove?.()
    remove = undefined
  }
}

function listen(): () => void {
  const removeFirst = ofPackage((code, signal) => tell(ends, code, signal))
  const removeLast = ofPackage(
    (code, signal) => {
      // What others did at the end may be held.
      tell(ends, code, signal)
      tell(lastEnds, code, signal)
    },
    { alwaysLast: true },
  )
  return () => {
    removeFirst()
    removeLast()
  }
}

function tell(all: Set<{ end: End }>, ...how: Parameters<End>): void {
  isEnding = true
  for (const each of all) {
    all.delete(each)
    each.end(...how)
  }
}
