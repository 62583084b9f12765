/**
 * Event to line. A line is made of a head (`ts`, `kind`, the kind's fields), its `seq`, which only the journal
 * knows, and a tail (the rest of the envelope): `head + seq + tail`. Values must be plain JSON values already.
 */
import { type Fields, setField } from './fields.js'
import { type Envelope, FIELD_ORDER, type KnownKind } from './kinds.js'
import { quote } from './quote.js'

export type { Fields } from './fields.js'

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
    // A time that is none must not make a line that is none.
    lastTsHead = `{"ts":${Number.isFinite(ts) ? Math.trunc(ts) : Date.now()},"kind":"`
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

/** Parts the fields of a known kind's event: its own, in the format's order, and others that came along. */
export function partFields(kind: KnownKind, fields: Fields): { own: Fields; others: Fields | undefined } {
  const order: readonly string[] = FIELD_ORDER[kind]
  const own: Fields = {}
  for (const name of order) {
    if (fields[name] !== undefined && fields[name] !== null) own[name] = fields[name]
  }
  let others: Fields | undefined
  for (const name of Object.keys(fields)) {
    if (order.includes(name)) continue
    others ??= {}
    setField(others, name, fields[name])
  }
  return { own, others }
}
