/**
 * Blocks of private keys: `-----BEGIN … PRIVATE KEY-----`, whole or cut off, with real newlines or escaped
 * ones.
 */
import { ALNUM, BASE64, DASH, type Detector, maskOf, runEnd, runStart, sticky } from './secret-chars.js'

const KEY_BEGIN = /-{4,5} ?BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}/y
const KEY_END = /-{4,5} ?END [A-Z0-9 ]{0,64}-{4,5}/y
/** Between two lines, escaped or not; the second may be quoted, as in a mail. */
const LINE_GAP = /(?:\s|\\{1,16}[nr]|(?<=[\nnr] ?)[>|#*]){1,64}/y
const LINE_LIMIT = 4096
const HEADER_LINE = /(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): [^\n\\"]{0,200}/y

/** Where a key block without its end ends: after the lines that look like a key's. */
function truncatedEnd(text: string, from: number): number {
  let end = from
  for (;;) {
    const start = Math.max(end, sticky(LINE_GAP, text, end))
    const broken = /[nr\n\r]/.test(text.slice(end, start))
    const header = broken ? sticky(HEADER_LINE, text, start) : -1
    if (header !== -1) {
      end = header
      continue
    }
    const stop = runEnd(text, start, ALNUM | BASE64, Math.min(text.length, start + LINE_LIMIT))
    // The last line of a block is short; so is the only one of a block that is cut off early.
    const line = broken && stop > start && /^[\s"'\\]?$/.test(text.slice(stop, stop + 1))
    const short = line && (end === from || /[\d+/=]/.test(text.slice(start, stop)))
    if (stop - start < 16 && !short) return end
    end = stop
  }
}

export const privateKey: Detector = {
  anchors: ['BEGIN '],
  find(text, at, floor) {
    const dashes = runStart(text, text[at - 1] === ' ' ? at - 1 : at, DASH, Math.max(floor, at - 6))
    const from = sticky(KEY_BEGIN, text, dashes)
    if (from === -1) return undefined
    // No key holds four dashes, so the next ones end this block or begin another: no text is searched twice.
    const next = text.indexOf('----', from)
    const closed = next === -1 ? -1 : sticky(KEY_END, text, next)
    const end = closed === -1 ? truncatedEnd(text, from) : closed
    return end === from ? undefined : { start: dashes, end, mask: maskOf('private-key') }
  },
}
