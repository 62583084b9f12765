/** Prints one item of a log: the line as it is, or a line for people. */
import { isMalformed, type LogItem } from '../read/items.js'
import { formatEvent, formatMalformed } from './format-event.js'
import { look, type Output, say } from './output.js'

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
  return async (item) => {
    if (isMalformed(item)) {
      const place = item.line === undefined ? `at byte ${item.offset}` : `line ${item.line}`
      say(`${item.file} ${place}: ${item.reason}; left out`)
      return
    }
    await output.jsonText(item.text as string)
  }
}
