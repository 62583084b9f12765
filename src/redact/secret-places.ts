/** Secrets that are told by the place they stand in or by how they are built, rather than by a prefix. */

import { privateKey } from './secret-blocks.js'
import {
  ALNUM,
  BASE64,
  DASH,
  type Detector,
  DIGIT,
  DOT,
  isOf,
  maskEnd,
  masked,
  maskOf,
  runEnd,
  runStart,
  type Span,
  sticky,
  UNDERSCORE,
  URL_SAFE,
  wordBegins,
} from './secret-chars.js'
import { isCredential, looksLikeToken, type Place } from './secret-values.js'

const GAP = /[ \t]{1,8}|%20/y

const BEARER_BODY = URL_SAFE | DOT | BASE64

const bearer: Detector = {
  anchors: ['bearer'],
  anyCase: true,
  find(text, at, floor) {
    if (!wordBegins(text, at, floor)) return undefined
    const start = sticky(GAP, text, at + 6)
    if (start === -1) return undefined
    let end = runEnd(text, start, BEARER_BODY)
    while (end > start && text[end - 1] === '.') end--
    return looksLikeToken(text, start, end) ? { start, end, mask: maskOf('bearer') } : undefined
  },
}

const LONGEST_BASIC = 4096

/** Whether a text is what `Basic` credentials are: base64 of printable text with a colon in it. */
export function isBasic(held: string): boolean {
  if (held.length < 4 || !/^[\w+/-]+={0,2}$/.test(held) || held.replace(/=+$/, '').length % 4 === 1)
    return false
  const plain = Buffer.from(held, 'base64').toString('utf8')
  return plain.includes(':') && !/[\p{Cc}\ufffd]/u.test(plain)
}

const basic: Detector = {
  anchors: ['basic'],
  anyCase: true,
  find(text, at, floor) {
    if (!wordBegins(text, at, floor)) return undefined
    const start = sticky(GAP, text, at + 5)
    if (start === -1) return undefined
    const end = runEnd(text, start, ALNUM | BASE64 | UNDERSCORE | DASH)
    const held = text.slice(start, Math.min(end, start + LONGEST_BASIC))
    return isBasic(held) ? { start, end, mask: maskOf('basic') } : undefined
  },
}

/** Longest JOSE header that is looked at where another might begin within the same run of characters. */
const HEADER_LIMIT = 256

const jwt: Detector = {
  anchors: ['eyJ'],
  find(text, at, floor) {
    if (!wordBegins(text, at, floor)) return undefined
    const inner = at > floor && isOf(text.charCodeAt(at - 1), UNDERSCORE | DASH)
    const header = runEnd(text, at, URL_SAFE, inner ? at + HEADER_LIMIT : text.length)
    if (header - at < 12 || text[header] !== '.') return undefined
    // Signed: header, payload, signature. Encrypted: five parts.
    const signed = text.startsWith('eyJ', header + 1)
    const most = signed ? 3 : 5
    let end = header
    let parts = 1
    for (; parts < most && text[end] === '.'; parts++) end = runEnd(text, end + 1, URL_SAFE)
    return signed || (parts === 5 && end - header > 40) ? { start: at, end, mask: maskOf('jwt') } : undefined
  },
}

const URL_USER = /[^\s/?#@:"'`<>\\]{0,256}[:@]/y
/** Up to the end of the URL: a password can have any of `/`, `?` and `#` in it, though it should not. */
const URL_REST = /[^\s"'`<>\\]{0,512}/y
const SHORTEST_USER_TOKEN = 16

/** `postgres://user:password@host`, `https://token@host` */
const urlPassword: Detector = {
  anchors: ['://'],
  find(text, at, floor) {
    const user = at + 3
    const start = sticky(URL_USER, text, user)
    if (start === -1) return undefined
    if (text[start - 1] === '@') return urlToken(text, user, start - 1)
    const known = maskEnd(text, start)
    if (known !== -1 && text[known] === '@') return { start, end: known, mask: text.slice(start, known) }
    const rest = text.slice(start, sticky(URL_REST, text, start))
    const length = passwordLength(rest, isWeb(text, at, floor))
    if (length < 1) return undefined
    const place: Place = { quoted: true, after: ':', spaced: false, made: false, declared: false }
    const end = start + length
    return isCredential(rest.slice(0, length), place, false)
      ? masked(text, start, end, maskOf('url-password'))
      : undefined
  },
}

const isWeb = (text: string, at: number, floor: number): boolean =>
  /(?:^|[^a-z])(?:https?|wss?)$/i.test(text.slice(Math.max(floor, at - 8), at))

/** How long the password is with which what follows `user:` begins; -1 when it is a port, or nothing. */
function passwordLength(rest: string, web: boolean): number {
  const stop = rest.search(/[/?#]/)
  const plain = (stop === -1 ? rest : rest.slice(0, stop)).lastIndexOf('@')
  if (plain !== -1 || stop === -1) return plain
  // Past a `/`, `?` or `#` only if what stands before is no port, and what follows the `@` is a host.
  if (/^\d*[/?#]/.test(rest)) return -1
  const host = web ? /@(?=[\w-]+(?:\.[\w-]+)+(?:[:/?#]|$))/g : /@(?=[\w.[\]-]+(?:[:/?#,]|$))/g
  let last = -1
  for (const match of rest.matchAll(host)) last = match.index
  return last
}

function urlToken(text: string, start: number, end: number): Span | undefined {
  if (maskEnd(text, start) === end) return masked(text, start, end, '')
  if (end - start < SHORTEST_USER_TOKEN || !looksLikeToken(text, start, end)) return undefined
  return isOf(text.charCodeAt(end + 1), ALNUM) ? { start, end, mask: maskOf('url-token') } : undefined
}

const LETTERS_AND_DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

const TELEGRAM = /:[\w-]{34,36}(?![\w-])/y

const telegram: Detector = {
  anchors: [...'0123456789'].map((digit) => `${digit}:`),
  find(text, at, floor) {
    const end = sticky(TELEGRAM, text, at + 1)
    if (end === -1) return undefined
    const start = runStart(text, at + 1, DIGIT, Math.max(floor, at - 12))
    const digits = at + 1 - start
    if (digits < 6 || digits > 12) return undefined
    const held = text.slice(at + 2, end)
    return held.startsWith('AA') || (/[A-Z]/.test(held) && /[a-z]/.test(held) && /\d/.test(held))
      ? { start, end, mask: maskOf('telegram-token') }
      : undefined
  },
}

const DISCORD = /[\w-]{22,30}\.[\w-]{6}\.[\w-]{25,45}(?![\w-])/y

const discord: Detector = {
  // The first part is the base64 of a number.
  anchors: [...'MNO'].flatMap((first) => [...LETTERS_AND_DIGITS].map((second) => first + second)),
  find(text, at, floor) {
    // Nearly all others are words.
    if (!isOf(text.charCodeAt(at + 21), URL_SAFE) || !wordBegins(text, at, floor)) return undefined
    const dot = runEnd(text, at, URL_SAFE, at + 31)
    if (text[dot] !== '.' || dot - at < 22) return undefined
    const end = sticky(DISCORD, text, at)
    if (end === -1) return undefined
    const last = text.slice(dot + 8, end)
    return /[A-Z]/.test(last) && /[a-z]/.test(last)
      ? { start: at, end, mask: maskOf('discord-token') }
      : undefined
  },
}

/** The detectors of this file. */
export const PLACE_DETECTORS: readonly Detector[] = [
  privateKey,
  jwt,
  urlPassword,
  bearer,
  basic,
  telegram,
  discord,
]
