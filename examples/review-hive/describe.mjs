/** A finding as one line. Without the quote, which may hold a secret: the notebook is not redacted, the log is. */
export function describe({ level, path, lines, says }) {
  const shown = lines.slice(0, 5).join(', ')
  return `${level}: ${path} ${says} (line ${shown}${lines.length > 5 ? ', …' : ''})`
}
