/** Long texts in lines of a width. */
import { clean, columns } from '../text/terminal.js'

export interface WrapOptions {
  /** What all lines but the first of a paragraph begin with; it counts as part of their width. Default: nothing. */
  indent?: string
  /** Leaves a word that is too long in one piece, as a path that somebody may want to copy. Default false. */
  whole?: boolean
}

/**
 * The text in lines that fit the width, broken at spaces where there are any, and at its own line ends; harmless for
 * a terminal. A blank line stays one.
 */
export function* wrapped(text: string, width: number, options: WrapOptions = {}): Generator<string> {
  const { indent = '', whole = false } = options
  const room = Math.max(columns(indent) + 1, width)
  for (const paragraph of text.split(/\r?\n/)) yield* brokenLine(clean(paragraph), room, indent, whole)
}

function* brokenLine(text: string, width: number, indent: string, whole: boolean): Generator<string> {
  const indented = columns(indent)
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
    if (!isFirst) {
      yield line.trimEnd()
      line = indent
      used = indented
    }
    isFirst = false
    if (whole || used + size <= width) {
      line += word
      used += size
      continue
    }
    let isBare = true
    for (const character of word) {
      const wide = columns(character)
      if (used + wide > width && !isBare) {
        yield line
        line = indent
        used = indented
        isBare = true
      }
      line += character
      used += wide
      isBare = false
    }
  }
  yield line.trimEnd()
}
