/**
 * Event to line. A line is made of a head (`ts`, `kind`, the kind's fields), its `seq`, which only the journal
 * knows, and a tail (the rest of the envelope): `head + seq + tail`. Values must be plain JSON values already.
 */
import { type Envelope, FIELD_ORDER, isKnownKind } from './kinds.js'
import { quote } from './quote.js'

/** An event's own fields, in the order in which they are to be written. `undefined` is left out. */
export type Fields = Record<string, unknown>

const KEY_CACHE_SIZE = 1024
const keyCache = new Map<string, string>()

function keyPrefix(name: string): string {
  let prefix = keyCache.get(name)
  if (prefix === undefined) {
    prefix = `,${JSON.stringify(name)}:`
    if (keyCache.size < KEY_CACHE_SIZE) keyCache.set(name, prefix)
  }
  return prefix
}

let lastTs = -1
let lastTsHead = ''

/** `{"ts":…,"kind":…,<fields>,"seq":` */
export function encodeHead(ts: number, kind: string, fields: Fields): string {
  if (ts !== lastTs) {
    lastTs = ts
    lastTsHead = `{"ts":${Math.trunc(ts)},"kind":"`
  }
  let head = `${lastTsHead}${kind}"`
  for (const name in fields) {
    const value = fields[name]
    switch (typeof value) {
      case 'string':
        head += keyPrefix(name) + quote(value)
        break
      case 'number':
      case 'boolean':
        head += keyPrefix(name) + value
        break
      case 'undefined':
        break
      default:
        head += keyPrefix(name) + JSON.stringify(value)
    }
  }
  return `${head},"seq":`
}

/** The part of a tail that is the same for every event of a span: `,"trace":…,"span":…}` and the newline. */
export function encodeTailEnd(trace?: string, span?: string): string {
  if (trace === undefined || span === undefined) return '}\n'
  return `,"trace":"${trace}","span":"${span}"}\n`
}

/** `,"session":…` — the start of every tail. */
export function encodeTailStart(session: string): string {
  return `,"session":${quote(session)}`
}

/** The whole tail, from an envelope. */
export function encodeTail(envelope: Omit<Envelope, 'seq'>): string {
  const checkpoint = envelope.checkpoint === undefined ? '' : `,"checkpoint":${envelope.checkpoint}`
  return encodeTailStart(envelope.session) + checkpoint + encodeTailEnd(envelope.trace, envelope.span)
}

/** The fields of a known kind in the format's order, unknown ones after them; of a custom kind as they are. */
export function inOrder(kind: string, fields: Fields): Fields {
  if (!isKnownKind(kind)) return fields
  const ordered: Fields = {}
  for (const name of FIELD_ORDER[kind]) {
    if (fields[name] !== undefined) ordered[name] = fields[name]
  }
  for (const name of Object.keys(fields)) {
    if (!(name in ordered)) ordered[name] = fields[name]
  }
  return ordered
}
