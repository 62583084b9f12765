/**
 * Pairs of a secret's name and its value within a text: `DB_PASSWORD=…`, `"apiKey":"…"` (its quotes escaped
 * or not), `X-Api-Key: …`, `?token=…`, `<password>…</password>`, `--token …`, and the headers Authorization
 * and Cookie.
 */
import {
  ALNUM,
  DASH,
  type Detector,
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
} from './secret-chars.js'
import { afterScheme, cookies } from './secret-headers.js'
import { AUTHORIZATION, COOKIE, NAME_LIMIT, type SecretKey, type SecretKeys } from './secret-keys.js'
import { DOUBT_LIMIT, isCredential, isFile, type Place, readValue } from './secret-values.js'

const NAME = ALNUM | UNDERSCORE | DASH | DOT

interface Name {
  key: SecretKey
  start: number
  end: number
  /** The closing quote after the name, with its backslashes. */
  quote: string
}

const isBlank = (code: number): boolean => code === 32 || code === 9
const isQuote = (code: number): boolean => code === 34 || code === 39 || code === 96
/** `*`, `?`, `[` and `]` */
const isAround = (code: number): boolean => code === 42 || code === 63 || code === 91 || code === 93
const BACKSLASH = 92

/**
 * Where the name that stands before a separator at `to` ends: before blanks, `?` of an optional field,
 * brackets, bold.
 */
function nameEnd(text: string, to: number, floor: number): number {
  let end = to
  for (let n = 0; n < 4 && end > floor && isBlank(text.charCodeAt(end - 1)); n++) end--
  // `**password**:`, `user[password]=`, `password[]=`, `password?:`
  for (let n = 0; n < 2 && end > floor && isAround(text.charCodeAt(end - 1)); n++) end--
  return end
}

/** The secret name that ends before `to`, with what may stand between a name and its separator. */
function nameBefore(text: string, to: number, floor: number, keys: SecretKeys): Name | undefined {
  let end = to
  if (!isOf(text.charCodeAt(end - 1), ALNUM)) {
    if (!isQuote(text.charCodeAt(end - 1))) end = nameEnd(text, to, floor)
    if (end > floor && isQuote(text.charCodeAt(end - 1))) end--
  }
  const quoteEnd = end
  for (let n = 0; n < 32 && end > floor && text.charCodeAt(end - 1) === BACKSLASH; n++) end--
  if (end <= floor || !keys.mayEnd(text, end)) return undefined
  let start = runStart(text, end, NAME, Math.max(floor, end - NAME_LIMIT))
  // In `\npassword=` the `n` is the end of an escape.
  if (text[start - 1] === '\\' && 'nrtbf'.includes(text[start] as string)) start++
  const name = text.slice(start, end)
  const key =
    keys.tell(name) ??
    (name.length > 5
      ? undefined
      : keys.tell(/^value$/i.test(name) ? named(text, start, floor) : twoWords(text, start, end, floor)))
  if (key === undefined) return undefined
  const quote = isQuote(text.charCodeAt(quoteEnd)) && quoteEnd < to ? text.slice(end, quoteEnd + 1) : ''
  return { key, start, end, quote }
}

/**
 * `API key` and `access token` are names too: the word with the one before it, if only a space parts them.
 */
function twoWords(text: string, start: number, end: number, floor: number): string {
  if (text[start - 1] !== ' ') return ''
  return text.slice(runStart(text, start - 1, ALNUM, Math.max(floor, start - 16)), end)
}

const NAMED =
  /\b(?:name|key)\\{0,16}["']? ?[:=] ?\\{0,16}["']?([\w.-]{2,64})\\{0,16}["']?[\s,;]{1,40}\\{0,16}["']?$/i

/** `"name": "DB_PASSWORD", "value": …`: the name that the word `value` before `to` goes with. */
function named(text: string, to: number, floor: number): string {
  return NAMED.exec(text.slice(Math.max(floor, to - 160), to))?.[1] ?? ''
}

function skipBlanks(text: string, at: number): number {
  let i = at
  while (i - at < 8 && isBlank(text.charCodeAt(i))) i++
  return i
}

const DECLARED = /(?:^|[\s;({])(?:const|let|var|val|final|readonly|auto|def|[Ss]tring)\s+$/
const DOCUMENTED = /:(?:param|type)\s+$/
const SEPARATOR = /[ \t]{0,4}[=:]/y
const STRING_PREFIX = /[bfruBFRU]{1,2}(?=["'])/y
/** After a flag, and in a header or YAML, stands data; code has `apiKey: value` or `[API_KEY]: value`. */
function inData(text: string, name: Name, place: Situation): boolean {
  if (place.after === 'flag') return true
  return (
    place.after === ':' && text[name.end] !== ']' && /[a-z][-_][a-z]/i.test(text.slice(name.start, name.end))
  )
}

type Situation = Omit<Place, 'quoted' | 'made'>

/** Past the letters before a string in Python: `b'…'`. */
function afterPrefix(text: string, at: number): number {
  const quote = sticky(STRING_PREFIX, text, at)
  return quote === -1 ? at : quote
}

/** `this.password = password`, `f(client_secret=client_secret)`: a variable of the same name. */
function isItsOwnName(label: string, held: string, spaced: boolean): boolean {
  return held === label.slice(label.lastIndexOf('.') + 1) && (spaced || /[a-z](?:_|[A-Z])/.test(held))
}

/** Judges the value at `at`, after the name and its separator. */
function pairValue(
  text: string,
  name: Name,
  at: number,
  place: Situation,
  keys: SecretKeys,
): Span | undefined {
  const { key } = name
  // A list, or what Go prints for a header.
  const bracket = text[at] === '[' && maskEnd(text, at) === -1
  const value = readValue(text, afterPrefix(text, bracket ? at + 1 : at))
  // A key block has a shape of its own, which also knows where it ends.
  if (value === undefined || text.startsWith('-----BEGIN', value.start)) return undefined
  const { start, end } = value
  const quoted = value.quote !== ''
  const mask = maskOf(key.name)
  if (maskEnd(text, start) === end) return masked(text, start, end, mask)
  // The string that the name stands in ends here: `log('password:', x)`.
  if (quoted && !place.spaced && name.quote === '' && /[,;)\]}]/.test(text[start] ?? '')) return undefined
  const here: Place = {
    ...place,
    quoted,
    spaced: place.spaced && !quoted,
    made: key.made && !inData(text, name, place),
  }
  const credentials = afterScheme(text, value, here, mask)
  if (credentials !== undefined) return credentials === 'none' ? undefined : credentials
  const label = text.slice(name.start, name.end)
  const jar = key === COOKIE ? cookies(text, start, /^set/i.test(label)) : undefined
  if (jar !== undefined) return jar
  const held = text.slice(start, end)
  // Nothing was given, and the next pair follows: `password= token=…`.
  if (!quoted && place.spaced && sticky(SEPARATOR, text, end) !== -1 && keys.tell(held.slice(-NAME_LIMIT)))
    return undefined
  if (!quoted && isItsOwnName(label, held, place.spaced)) return undefined
  if (!quoted && end - start < 9 && text.startsWith('...', end)) return undefined
  const number = !quoted && /^-?\d[\d.]*$/.test(held)
  if (held.length <= DOUBT_LIMIT) {
    if (bracket && !quoted && !/\d/.test(held)) return undefined
    // What a URL holds is found by itself.
    if ((key.made || key.weak || key === AUTHORIZATION) && /^https?:\/\//.test(held)) return undefined
    if (isFile(held) && (/key|credentials/.test(key.name) || /pwd$/i.test(label))) return undefined
    const counted =
      number && place.after === ':' && name.quote === '' && / [a-z]/.test(text.slice(end, end + 2))
    if (counted || !isCredential(held, here, key.weak || (key === AUTHORIZATION && !quoted))) return undefined
  }
  // In JSON a number is replaced by a string, so that it stays JSON.
  const wrap = number && place.after === ':' ? name.quote : ''
  return masked(text, start, end, `${wrap}${mask}${wrap}`)
}

function pairAt(text: string, at: number, floor: number, keys: SecretKeys): Span | undefined {
  const separator = at + 1
  const name = nameBefore(text, separator, floor, keys)
  if (name === undefined) return undefined
  const char = text[separator]
  const next = text[separator + 1]
  let from = separator + 1
  if (char === '=') {
    if (next === '=' || next === '~') return undefined
    if (next === '>') from++
  } else if (char === ':') {
    if (next === ':' || text.startsWith('//', from)) return undefined
    if (next === '=') from++
  }
  if (char !== '=' && char !== ':') return elementAt(text, name, from, keys)
  const before = text[name.start - 1]
  const start = skipBlanks(text, from)
  // `/etc/passwd: permission denied`, `arn:…:secret:name`
  if (char === ':' && name.quote === '' && (before === '/' || (before === ':' && start === from)))
    return undefined
  const bare = name.quote === ''
  if (next === '>' && text[start] !== '"' && text[start] !== "'") return undefined
  const pattern = char === '=' ? DECLARED : DOCUMENTED
  const declared =
    bare && start > from && pattern.test(text.slice(Math.max(floor, name.start - 16), name.start))
  return pairValue(text, name, start, { after: char, spaced: start > from, declared }, keys)
}

/** `<password>…</password>` */
function elementAt(text: string, name: Name, from: number, keys: SecretKeys): Span | undefined {
  if (text[name.start - 1] !== '<') return undefined
  const value = readValue(text, from)
  if (value === undefined || value.quote !== '' || !text.startsWith('</', value.end)) return undefined
  return pairValue(text, name, from, { after: '=', spaced: false, declared: false }, keys)
}

const BEFORE_SEPARATOR = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"\'` ]?*']

const ENCODED_VALUE = /(?:[^\s"'`<>&%\\]|%(?!0A|20|22|26|2C|3B|7D)[0-9A-F]{2}){1,512}/iy

/** `token%3D…` in a URL within a URL, `token\u003d…` in JSON that escapes more than it must. */
export function encodedPairDetector(keys: SecretKeys): Detector {
  return {
    anchors: ['%3d', 'u003d'],
    anyCase: true,
    find(text, at, floor) {
      const nameLimit = text[at] === '%' ? at : at - 1
      const name =
        text[nameLimit] === '%' || text[nameLimit] === '\\'
          ? nameBefore(text, nameLimit, floor, keys)
          : undefined
      const start = text.indexOf('3', at) + 2
      const end = name === undefined ? -1 : sticky(ENCODED_VALUE, text, start)
      if (name === undefined || end === -1) return undefined
      if (maskEnd(text, start) === end) return masked(text, start, end, '')
      const place: Place = { quoted: false, after: '=', spaced: false, made: name.key.made, declared: false }
      return isCredential(text.slice(start, end), place, name.key.weak)
        ? masked(text, start, end, maskOf(name.key.name))
        : undefined
    },
  }
}

export function pairDetector(keys: SecretKeys): Detector {
  return {
    anchors: BEFORE_SEPARATOR.flatMap((char) => [`${char}=`, `${char}:`, `${char}>`]),
    find: (text, at, floor) => pairAt(text, at, floor, keys),
  }
}

const FLAG_GAP = /[ \t]+(?=[^\s-])|(\\{0,16}["'])[ \t]{0,4},\s{0,16}(?=\1)/y

/** `--token x`, also as two items of a list: `"--token", "x"`. */
export function flagDetector(keys: SecretKeys): Detector {
  return {
    anchors: ['--'],
    find(text, at, floor) {
      const from = at + 2
      if (!isOf(text.charCodeAt(from), ALNUM) || isOf(text.charCodeAt(at - 1), URL_SAFE)) return undefined
      const end = runEnd(text, from, NAME, Math.min(text.length, from + NAME_LIMIT))
      if (from < floor || !keys.mayEnd(text, end)) return undefined
      const key = keys.tell(text.slice(from, end))
      const start = key === undefined ? -1 : sticky(FLAG_GAP, text, end)
      if (key === undefined || start === -1) return undefined
      const name: Name = { key, start: from, end, quote: '' }
      return pairValue(text, name, start, { after: 'flag', spaced: true, declared: false }, keys)
    },
  }
}
