/** When somebody ends a command that would go on without end. */

/** Resolves at the first SIGINT or SIGTERM; the second one ends the process as it always does. */
export function endOf(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      // An open log ends the process at a signal that nobody else waits for: it looks after this one was called.
      setImmediate(() => process.off('SIGINT', stop).off('SIGTERM', stop))
      resolve()
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
  })
}
