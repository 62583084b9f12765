/** The end of the process, for all that is to be done before it: the one door to `signal-exit`. */
import { onExit, signals } from 'signal-exit'

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

export { onExit }
