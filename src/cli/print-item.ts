/** Prints one item of a log: the line as it is, or a line for people. */
import { isMalformed, type LogItem } from '../read/items.js'
import { formatEvent, formatMalformed } from './format-event.js'
import { look, type Output } from './output.js'
import { clean } from './text.js'

export type ItemPrinter = (item: LogItem) => Promise<void>

/**
 * With `json`, standard output gets only the entries' own lines, and a malformed line is told of on standard error;
 * else it is shown in its place.
 */
export function itemPrinter(output: Output, json: boolean): ItemPrinter {
  const { color, width } = look()
  if (!json) {
    return (item) =>
      output.line(
        isMalformed(item)
          ? formatMalformed(item, { color, width })
          : formatEvent(item.event, { color, width }),
      )
  }
  const isTerminal = process.stdout.isTTY === true
  return async (item) => {
    if (isMalformed(item)) {
      const place = item.line === undefined ? `at byte ${item.offset}` : `line ${item.line}`
      process.stderr.write(`hivelog: ${clean(item.file)} ${place}: ${clean(item.reason)}; left out\n`)
      return
    }
    const text = item.text as string
    await output.line(isTerminal ? text.replace(/[\x7f-\x9f]/g, escaped) : text)
  }
}

/** Some terminals obey control characters that JSON allows unescaped. */
const escaped = (character: string): string => `\\u00${character.charCodeAt(0).toString(16)}`
