/** What follows the names of headers that hold credentials: `Authorization: <scheme> …`, `Cookie: …`. */
import { maskEnd, masked, maskOf, type Span, sticky } from './secret-chars.js'
import { isBasic } from './secret-places.js'
import { DOUBT_LIMIT, isCredential, type Place, readValue, type Value } from './secret-values.js'

const SCHEME = /(?:bearer|basic|token|api-?key|key|negotiate|ntlm|jwt)(?:[ \t]+|%20|\+)/iy
/** Schemes whose credentials are a list: `username="ana", response="…"`. */
const LIST_SCHEME =
  /(?:digest|aws4-[\w-]+|oauth|hawk|sharedkey(?:lite)?|signature|hmac-[\w-]+)[ \t]+(?=[^\n]{0,256}[=:])/iy
const LIST_ITEM = /[^\s,"'\\]{1,4096}(?:(?<==)\\{0,16}"[^"\n]{0,4096}")?/y
const LIST_NEXT = /(?:,[ \t]*|[ \t]+)(?=[\w-]{1,64}=)/y
const COOKIE_PAIR = /[^\s=;,"'\\]{1,128}=[^\s;,"'\\]*/y
const COOKIE_NEXT = /;[ \t]?(?=[^\s=;,"'\\]{1,128}=[^\s;,"'\\])/y

/**
 * All the cookies of a `Cookie:` header; of `Set-Cookie:` only the value, as its attributes are no secrets.
 */
export function cookies(text: string, at: number, set: boolean): Span | undefined {
  let end = sticky(COOKIE_PAIR, text, at)
  if (end === -1) return undefined
  if (set) {
    const from = text.indexOf('=', at) + 1
    return from === end ? undefined : masked(text, from, end, maskOf('cookie'))
  }
  for (;;) {
    const next = sticky(COOKIE_NEXT, text, end)
    if (next === -1) return masked(text, at, end, maskOf('cookie'))
    end = sticky(COOKIE_PAIR, text, next)
  }
}

/**
 * A value that names its scheme first: `Bearer …`. The scheme stays. `none` when no credentials follow it.
 */
export function afterScheme(
  text: string,
  value: Value,
  place: Place,
  mask: string,
): Span | 'none' | undefined {
  const list = sticky(LIST_SCHEME, text, value.start)
  if (list !== -1) {
    const end = value.quote === '' ? listEnd(text, list) : value.end
    return end > list ? masked(text, list, end, mask) : 'none'
  }
  const from = sticky(SCHEME, text, value.start)
  if (from === -1) return undefined
  const known = maskEnd(text, from)
  if (known !== -1) return { start: from, end: known, mask: text.slice(from, known) }
  const word = value.quote === '' ? readValue(text, from) : { ...value, start: from }
  // A quote after the scheme closes the string that it stands in: `"Basic " + encoded`.
  if (word === undefined || word.end <= word.start || /[\s,;)+]/.test(text[word.start] as string))
    return 'none'
  const held = text.slice(word.start, word.end)
  return held.length > DOUBT_LIMIT || fitsScheme(text.slice(value.start, from), held, place)
    ? masked(text, word.start, word.end, mask)
    : 'none'
}

function fitsScheme(scheme: string, held: string, place: Place): boolean {
  if (/^basic/i.test(scheme)) return isBasic(held) || (held.length >= 12 && /\d/.test(held))
  return (
    isCredential(held, { ...place, spaced: true }, false) &&
    !/^(?:auth\w*|tokens?|scheme|header)$/i.test(held)
  )
}

function listEnd(text: string, from: number): number {
  let end = from
  for (let next = from; next !== -1; next = sticky(LIST_NEXT, text, end)) {
    const item = sticky(LIST_ITEM, text, next)
    if (item === -1) break
    end = item
  }
  return end
}
