/** What follows the names of headers that hold credentials: `Authorization: <scheme> …`, `Cookie: …`. */
import { maskEnd, masked, maskOf, type Span, sticky } from './secret-chars.js'
import { isBasic } from './secret-places.js'
import {
  closing,
  DOUBT_LIMIT,
  isCredential,
  isProse,
  lineEnd,
  looksLikeToken,
  type Place,
  readValue,
  type Value,
} from './secret-values.js'

const SCHEME = /(?:bearer|basic|token|api-?key|key|negotiate|ntlm|jwt)(?:[ \t]+|%20|\+)/iy
/** Schemes whose credentials are a list: `username="ana", response="…"`. */
const LIST_SCHEME =
  /(?:digest|aws4-[\w-]{1,40}|oauth|hawk|sharedkey(?:lite)?|signature|hmac-[\w-]{1,40})[ \t]+(?=[^\n]{0,256}[=:])/iy
/** A word that can be the scheme of anybody. */
const ANY_SCHEME = /[A-Za-z][A-Za-z_-]{0,38}[A-Za-z0-9][ \t]{1,4}(?=\S)/y
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

/**
 * What follows a scheme that nobody knows, `SSWS …`, up to the end of the header's value. The scheme stays if the
 * first word can only be one: a word, and no token itself, with a token behind it.
 * @param name where the header's name begins
 */
export function afterAnyScheme(text: string, name: number, value: Value, mask: string): Span | undefined {
  const { start } = value
  const from = sticky(ANY_SCHEME, text, start)
  if (from === -1) return undefined
  const before = text[name - 1]
  const enclosed = value.quote === '' && before !== undefined && '"\'`'.includes(before)
  // Within quotes, or on a line of its own, the value's end is known.
  const whole = value.quote !== '' || enclosed || before === undefined || /[\n\r\u2028]/.test(before)
  const first = wordEnd(text, from)
  const known = maskEnd(text, from)
  if (known !== -1) return { start: from, end: known, mask: text.slice(from, known) }
  const scheme = text.slice(start, from).trimEnd()
  const word = text.slice(from, Math.min(first, from + 64))
  if (
    isProse(word) ||
    !(looksLikeToken(text, from, first) || hasNumber(word) || (whole && isCertain(scheme, word)))
  )
    return undefined
  const isScheme = scheme.length <= 24 && !looksLikeToken(text, start, start + scheme.length)
  let last = first
  if (whole)
    last = Math.max(first, value.quote !== '' ? value.end : headerEnd(text, first, enclosed ? before : ''))
  else {
    // In a sentence, as far as it looks like tokens.
    while (text[last] === ' ') {
      const stop = wordEnd(text, last + 1)
      if (!looksLikeToken(text, last + 1, stop)) break
      last = stop
    }
  }
  while (last > from && ' \t,'.includes(text[last - 1] as string)) last--
  return masked(text, isScheme ? from : start, last, mask)
}

/** A key of digits and dashes. */
const hasNumber = (word: string): boolean => word.length >= 8 && /\d{4}/.test(word)

/** Whether a word is the scheme of a vendor, and what follows none of the words that describe one. */
function isCertain(scheme: string, word: string): boolean {
  return (
    /^[A-Z]{3,12}$|[a-z]-[A-Za-z]/.test(scheme) &&
    /^[\w.~+/=:-]{3,}$/.test(word) &&
    !/^(?:auth|token|scheme|header)/i.test(word)
  )
}

const ESCAPED_END = /\\(?:[nr]|\\{0,7}["'])/y

function wordEnd(text: string, from: number): number {
  let i = from
  while (i < text.length && !' \t\n\r\u2028"\'`<>'.includes(text[i] as string)) {
    if (text[i] === '\\' && sticky(ESCAPED_END, text, i) !== -1) break
    i++
  }
  return i
}

/** Where a header's value ends that is known to be one: with its line, or with the quotes it stands in. */
function headerEnd(text: string, from: number, quote: string): number {
  const end = quote === '' ? lineEnd(text, from) : closing(text, from, quote, 0)
  for (let i = text.indexOf('\\', from); i !== -1 && i < end; i = text.indexOf('\\', i + 1)) {
    if (sticky(ESCAPED_END, text, i) !== -1) return i
  }
  return end
}
