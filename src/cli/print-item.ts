/** Prints one item of a hive: the line as it is, or a line for people. */
import { basename } from 'node:path'
import type { HiveItem } from '../read/hive.js'
import { isMalformed, type LogItem, type MalformedLine } from '../read/items.js'
import { type FormatOptions, formatEvent } from '../text/format-event.js'
import { clean, columns, fit, paint } from '../text/terminal.js'
import { look, type Output, say } from './output.js'

export type ItemPrinter = (item: HiveItem) => Promise<void>

/** Columns that the name of a log takes at most, and a line for people at least. */
const MAX_MARK = 24
const MIN_LINE = 60

/**
 * The line for people. It ends in the name of its log, where that is known and not the log that was named first, nor
 * called as the agent that the line begins with.
 */
export function itemText(files: readonly string[]): (item: LogItem & { log?: string }) => string {
  const { color, width } = look()
  return (item) => {
    if (isMalformed(item)) return formatMalformed(item, { color, width })
    const { log, event } = item
    const mark = log === undefined || log === files[0] ? '' : markOf(log, event)
    const left = width - columns(mark)
    if (mark === '' || left < MIN_LINE) return formatEvent(event, { color, width })
    return formatEvent(event, { color, width: left }) + paint(mark, 'dim', color)
  }
}

/**
 * With `json`, standard output gets only the entries' own lines, and a malformed line is told of on standard error;
 * else it is shown in its place, and each line is that of `itemText`.
 */
export function itemPrinter(output: Output, json: boolean, files: readonly string[]): ItemPrinter {
  if (!json) {
    const text = itemText(files)
    return (item) => output.line(text(item))
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

/** The log's name, to stand behind a line. */
function markOf(log: string, event: object): string {
  const name = nameOf(basename(log).replace(/\.jsonl$/, ''))
  const { agentId, from } = event as Record<string, unknown>
  if ((agentId ?? from) === name) return ''
  const short = name.length > MAX_MARK ? `${name.slice(0, MAX_MARK - 1)}…` : name
  return `  [${clean(short)}]`
}

/** A log of a child process is called as its agent, percent-encoded. */
function nameOf(stem: string): string {
  try {
    return decodeURIComponent(stem)
  } catch {
    return stem
  }
}

/** A line that is no event, as a line for people: `! hive.jsonl:57  invalid JSON  {"ts":17…` */
function formatMalformed(item: MalformedLine, options: FormatOptions = {}): string {
  const { color = false, width = 100 } = options
  const place = item.line === undefined ? ` at byte ${item.offset}` : `:${item.line}`
  const start = `! ${clean(basename(item.file))}${place}  ${clean(item.reason)}`
  const text = item.malformed === '' ? start : `${start}  ${clean(item.malformed)}`
  return paint(fit(text, width), 'red', color)
}
