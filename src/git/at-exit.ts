/** What must be undone when the process ends in the middle: one listener, however many ask. */
const undos = new Set<() => void>()

function undoAll(): void {
  for (const undo of undos) undo()
}

/** Has `undo` called at the end of the process. Returns how to take that back. */
export function atExit(undo: () => void): () => void {
  if (undos.size === 0) process.on('exit', undoAll)
  undos.add(undo)
  return () => {
    undos.delete(undo)
    if (undos.size === 0) process.off('exit', undoAll)
  }
}
