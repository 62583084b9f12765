/** Event to line, as bytes. Values must be plain JSON values already. */
import { type Fields, setField } from './fields.js'
import { type Envelope, FIELD_ORDER, type KnownKind, MAX_TS } from './kinds.js'
import { type LineBytes, Words } from './line-bytes.js'
import { quote } from './quote.js'

export type { Fields } from './fields.js'

const KEY_CACHE_SIZE = 1024
const MAX_LAST = 32
const keyCache = new Map<string, Words>()

/** Names of the last line's fields, by their place, and their keys: the next line has the same, mostly. */
const lastNames: string[] = []
const lastKeys: Words[] = []

/** `,"name":` @param at place of the field in its line */
function keyAt(at: number, name: string): Words {
  if (lastNames[at] === name) return lastKeys[at] as Words
  const key = keyOf(name)
  if (at < MAX_LAST) {
    lastNames[at] = name
    lastKeys[at] = key
  }
  return key
}

function keyOf(name: string): Words {
  let key = keyCache.get(name)
  if (key === undefined) {
    key = new Words(`,${JSON.stringify(name)}:`)
    if (keyCache.size < KEY_CACHE_SIZE) keyCache.set(name, key)
  }
  return key
}

let lastTs = -1
const lastTsHead = new Words('')
const SEQ = new Words(',"seq":')

/** What stands after the `seq` in every line of a session. */
interface SessionTail {
  readonly session: string
  /** With the name of the checkpoint that follows. */
  readonly counted: Words
  readonly uncounted: Words
}

/** What stands after the `seq` in every line of a span. */
export class Tail {
  /** @internal */
  readonly of: SessionTail
  #ids: string
  #words: Words | undefined
  #isUsed = false

  /** @param ids with the end of the line */
  constructor(of: SessionTail, ids: string) {
    this.of = of
    this.#ids = ids
  }

  /** @internal What stands after the checkpoint. Many spans have one line, for which words do not pay. */
  putIds(line: LineBytes): void {
    if (this.#words !== undefined) line.words(this.#words)
    else {
      line.text(this.#ids)
      if (this.#isUsed) this.#words = new Words(this.#ids)
      this.#isUsed = true
    }
  }
}

let lastSession: SessionTail | undefined

function sessionTail(session: string): SessionTail {
  if (lastSession?.session !== session) {
    const text = `,"session":${quote(session)}`
    lastSession = { session, counted: new Words(`${text},"checkpoint":`), uncounted: new Words(text) }
  }
  return lastSession
}

export function encodeTail({ session, trace, span }: Omit<Envelope, 'seq' | 'checkpoint'>): Tail {
  const ids = trace === undefined || span === undefined ? '' : `,"trace":"${trace}","span":"${span}"`
  return new Tail(sessionTail(session), `${ids}}\n`)
}

/** Puts a whole line into `line`. */
export function encodeLine(
  line: LineBytes,
  ts: number,
  kind: string,
  fields: Fields,
  seq: number,
  tail: Tail,
  checkpoint: number | undefined,
): void {
  if (ts !== lastTs) {
    lastTs = ts
    // A time that is none must not make a line that is none.
    lastTsHead.set(`{"ts":${Math.abs(ts) <= MAX_TS ? Math.trunc(ts) : Date.now()},"kind":`)
  }
  line.words(lastTsHead)
  line.quoted(kind)
  let at = 0
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined) continue
    line.words(keyAt(at++, name))
    if (typeof value === 'string') line.quoted(value)
    else if (typeof value === 'number') line.number(value)
    else if (typeof value === 'boolean') line.text(value ? 'true' : 'false')
    else line.text(JSON.stringify(value))
  }
  line.words(SEQ)
  line.number(seq)
  if (checkpoint === undefined) line.words(tail.of.uncounted)
  else {
    line.words(tail.of.counted)
    line.number(checkpoint)
  }
  tail.putIds(line)
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
