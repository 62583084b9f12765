/** Long texts in lines of a width. */
import { clean, columns } from './text.js'

/**
 * The text in lines that fit the width, broken at spaces where there are any, and at its own line ends; harmless for
 * a terminal. A blank line stays one.
 */
export function* wrapped(text: string, width: number): Generator<string> {
  const room = Math.max(1, width)
  for (const paragraph of text.split(/\r?\n/)) yield* brokenLine(clean(paragraph), room)
}

function* brokenLine(text: string, width: number): Generator<string> {
  let line = ''
  let used = 0
  let isFirst = true
  for (const word of text.split(' ')) {
    const size = word.length > 4 * width ? word.length : columns(word)
    if (!isFirst && used + 1 + size <= width) {
      line += ` ${word}`
      used += 1 + size
      continue
    }
    if (!isFirst) yield line.trimEnd()
    isFirst = false
    if (size <= width) {
      line = word
      used = size
      continue
    }
    line = ''
    used = 0
    for (const character of word) {
      const wide = columns(character)
      if (used + wide > width && line !== '') {
        yield line
        line = ''
        used = 0
      }
      line += character
      used += wide
    }
  }
  yield line.trimEnd()
}
