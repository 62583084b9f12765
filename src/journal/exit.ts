/**
 * The end of the process: whatever is open is closed synchronously on `process.exit()`, on an uncaught exception,
 * on SIGINT, SIGTERM, SIGHUP (when nobody else handles them) and when the event loop runs empty.
 */
import { onExit } from '../format/on-exit.js'

const open = new Set<() => void>()
let remove: (() => void) | undefined

/** Calls `close` when the process ends. Returns how to take that back. */
export function closeAtExit(close: () => void): () => void {
  open.add(close)
  // Last, so that what other exit handlers record is still written.
  remove ??= onExit(
    () => {
      for (const each of [...open].reverse()) each()
    },
    { alwaysLast: true },
  )
  return () => {
    open.delete(close)
    if (open.size > 0) return
    remove?.()
    remove = undefined
  }
}
