/**
 * Pairs of a secret's name and its value within a text: `DB_PASSWORD=…`, `"apiKey":"…"` (its quotes escaped or not),
 * `X-Api-Key: …`, `?token=…`, `<password>…</password>`, `--token …`, and the headers Authorization and Cookie.
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
  UNDERSCORE,
  URL_SAFE,
} from './secret-chars.js'
import { AUTHORIZATION, COOKIE, NAME_LIMIT, type SecretKey, type SecretKeys } from './secret-keys.js'
import { isBasic } from './secret-places.js'
import { isCredential, isFile, type Place, readValue, type Value } from './secret-values.js'

const NAME = ALNUM | UNDERSCORE | DASH | DOT

interface Name {
  key: SecretKey
  start: number
  end: number
  /** The closing quote after the name, with its backslashes. */
  quote: string
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t'

/** The secret name that ends before `to`, with what may stand between a name and its separator. */
function nameBefore(text: string, to: number, floor: number, keys: SecretKeys): Name | undefined {
  let end = to
  for (let n = 0; n < 4 && end > floor && isBlank(text[end - 1]); n++) end--
  if (text[end - 1] === '?') end--
  if (text[end - 1] === ']') end--
  const quoteEnd = end
  if (end > floor && '"\'`'.includes(text[end - 1] as string)) {
    end--
    for (let n = 0; n < 32 && end > floor && text[end - 1] === '\\'; n++) end--
  }
  if (end <= floor || !keys.mayEnd(text, end)) return undefined
  let start = runStart(text, end, NAME, Math.max(floor, end - NAME_LIMIT))
  // In `\npassword=` the `n` is the end of an escape.
  if (text[start - 1] === '\\' && 'nrtbf'.includes(text[start] as string)) start++
  const name = text.slice(start, end)
  const key = keys.tell(name) ?? (name.length <= 5 ? keys.tell(twoWords(text, start, end, floor)) : undefined)
  return key === undefined ? undefined : { key, start, end, quote: text.slice(end, quoteEnd) }
}

/** `API key` and `access token` are names too: the word with the one before it, if only a space parts them. */
function twoWords(text: string, start: number, end: number, floor: number): string {
  if (text[start - 1] !== ' ') return ''
  return text.slice(runStart(text, start - 1, ALNUM, Math.max(floor, start - 16)), end)
}

function skipBlanks(text: string, at: number): number {
  let i = at
  while (i - at < 8 && isBlank(text[i])) i++
  return i
}

const DECLARED = /(?:^|[\s;({])(?:const|let|var|val|final|readonly|auto|def|[Ss]tring)\s+$/
const SCHEME = /(?:bearer|basic|token|api-?key|key|negotiate|ntlm|jwt)(?:[ \t]+|%20|\+)/iy
/** Schemes whose credentials are a list to the end of the line. */
const LIST_SCHEME =
  /(?:digest|aws4-[\w-]+|oauth|hawk|sharedkey(?:lite)?|signature|hmac-[\w-]+)[ \t]+(?=[^\n]{0,256}[=:])/iy
const COOKIE_PAIR = /[^\s=;,"'\\]{1,128}=[^\s;,"'\\]*/y
const COOKIE_NEXT = /;[ \t]?(?=[^\s=;,"'\\]{1,128}=[^\s;,"'\\])/y

function sticky(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

/** All the cookies of a `Cookie:` header; of `Set-Cookie:` only the value, as its attributes are no secrets. */
function cookies(text: string, at: number, set: boolean): Span | undefined {
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

/** Longest value that may turn out to be none; a longer one is taken for a secret, so that no text is read twice. */
const DOUBT_LIMIT = 512

/** A value that names its scheme first: `Bearer …`. The scheme stays. `none` when no credentials follow it. */
function afterScheme(text: string, value: Value, place: Place, mask: string): Span | 'none' | undefined {
  const list = sticky(LIST_SCHEME, text, value.start)
  if (list !== -1) {
    const end = value.quote === '' ? lineEnd(text, list) : value.end
    return end > list ? masked(text, list, end, mask) : 'none'
  }
  const from = sticky(SCHEME, text, value.start)
  if (from === -1) return undefined
  const known = maskEnd(text, from)
  if (known !== -1) return { start: from, end: known, mask: text.slice(from, known) }
  const word = value.quote === '' ? readValue(text, from) : { ...value, start: from }
  if (word === undefined || word.end <= word.start) return 'none'
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

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

type Situation = Omit<Place, 'quoted' | 'made'>

/** Judges the value at `at`, after the name and its separator. */
function pairValue(text: string, name: Name, at: number, place: Situation): Span | undefined {
  const { key } = name
  // A list, or what Go prints for a header.
  const bracket = text[at] === '[' && maskEnd(text, at) === -1
  const value = readValue(text, bracket ? at + 1 : at)
  // A key block has a shape of its own, which also knows where it ends.
  if (value === undefined || text.startsWith('-----BEGIN', value.start)) return undefined
  const { start, end } = value
  const quoted = value.quote !== ''
  const mask = maskOf(key.name)
  if (maskEnd(text, start) === end) return masked(text, start, end, mask)
  // The string that the name stands in ends here: `log('password:', x)`.
  if (quoted && !place.spaced && name.quote === '' && /[,;)\]}]/.test(text[start] ?? '')) return undefined
  const here: Place = { ...place, quoted, spaced: place.spaced && !quoted, made: key.made }
  const credentials = afterScheme(text, value, here, mask)
  if (credentials !== undefined) return credentials === 'none' ? undefined : credentials
  const label = text.slice(name.start, name.end)
  const jar = key === COOKIE ? cookies(text, start, /^set/i.test(label)) : undefined
  if (jar !== undefined) return jar
  const held = text.slice(start, end)
  if (!quoted && place.spaced && held === label) return undefined
  const number = !quoted && /^-?\d[\d.]*$/.test(held)
  if (held.length <= DOUBT_LIMIT) {
    if (bracket && !quoted && !/\d/.test(held)) return undefined
    if (isFile(held) && (key.name.endsWith('key') || /pwd$/i.test(label))) return undefined
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
  const name = nameBefore(text, separator, floor, keys)
  if (name === undefined) return undefined
  if (char !== '=' && char !== ':') return elementAt(text, name, from)
  const before = text[name.start - 1]
  // `/etc/passwd: permission denied`
  if (char === ':' && before === '/' && name.quote === '') return undefined
  const start = skipBlanks(text, from)
  const bare = name.quote === ''
  if (next === '>' && text[start] !== '"' && text[start] !== "'") return undefined
  const declared = bare && DECLARED.test(text.slice(Math.max(floor, name.start - 16), name.start))
  return pairValue(text, name, start, { after: char, spaced: start > from, declared })
}

/** `<password>…</password>` */
function elementAt(text: string, name: Name, from: number): Span | undefined {
  if (text[name.start - 1] !== '<') return undefined
  const value = readValue(text, from)
  if (value === undefined || value.quote !== '' || !text.startsWith('</', value.end)) return undefined
  return pairValue(text, name, from, { after: '=', spaced: false, declared: false })
}

const BEFORE_SEPARATOR = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"\'` ]?']

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
      return pairValue(text, name, start, { after: 'flag', spaced: true, declared: false })
    },
  }
}
