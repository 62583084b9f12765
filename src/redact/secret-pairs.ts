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
import { afterAnyScheme, afterScheme, cookies } from './secret-headers.js'
import { AUTHORIZATION, COOKIE, NAME_LIMIT, type SecretKey, type SecretKeys } from './secret-keys.js'
import {
  DOUBT_LIMIT,
  isCredential,
  isFile,
  isLineEnd,
  isMadeByMachine,
  lineEnd,
  type Place,
  readValue,
  standsOut,
} from './secret-values.js'

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
      : keys.tell(/^value$/i.test(name) ? named(text, start, to, floor) : twoWords(text, start, end, floor)))
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

const NAME_FIELD =
  /(?:^|[\s,"'\\<(-])(?:name|key|id|field|header|param|parameter|variable|env|label)\\{0,16}["']?\s{0,2}[:=]\s{0,2}\\{0,16}["']?([\w.-]{2,64})/gi
const NAME_AFTER =
  /\\{0,16}["']?\s{0,2}[:=]\s{0,2}(?:\\{0,16}"[^"\n]{0,200}"|\\{0,16}'[^'\n]{0,200}'|[^\s"',{}[\]]{1,200})[\s,;]{1,24}\\{0,16}["']?(?:name|key|id|field|header|param|parameter|variable|env|label)\\{0,16}["']?\s{0,2}[:=]\s{0,2}\\{0,16}["']?([\w.-]{2,64})/iy

/** The name that the word `value` goes with: `"name": "DB_PASSWORD", "value": …`, or the other way round. */
function named(text: string, start: number, to: number, floor: number): string {
  let before = text.slice(Math.max(floor, start - 200), start)
  before = before.slice(
    Math.max(before.lastIndexOf('{'), before.lastIndexOf('}'), before.lastIndexOf('>')) + 1,
  )
  let found = ''
  for (const match of before.matchAll(NAME_FIELD)) found = match[1] as string
  if (found !== '') return found
  NAME_AFTER.lastIndex = isQuote(text.charCodeAt(to - 1)) ? to - 1 : to
  return NAME_AFTER.exec(text)?.[1] ?? ''
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

/** Whether a value is the flag of the next secret: `--token : --password`. */
function isFlag(text: string, start: number, end: number, keys: SecretKeys): boolean {
  if (text[start + 1] !== '-' || end - start > NAME_LIMIT + 2) return false
  return keys.mayEnd(text, end) && keys.tell(text.slice(start + 2, end)) !== undefined
}

const BRACED = /\{(?!\{|\[redacted)(?=[^\n}]{0,128}[^\w.}])(?:[^}\n]|\}\}){1,128}\}(?=[;\s"'\\]|$)/y
/** `{` and `}` around a value of ODBC, in which `}}` stands for one: `PWD={…}`. */
function braced(text: string, name: Name, at: number, place: Situation): Span | undefined {
  const label = text.slice(name.start, name.end)
  if (place.after !== '=' || place.spaced || !/(?:pwd|password)$/i.test(label)) return undefined
  const end = sticky(BRACED, text, at)
  return end === -1 ? undefined : { start: at + 1, end: end - 1, mask: maskOf(name.key.name) }
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
  const char = text[at]
  // A list, or what Go prints for a header.
  const bracket = char === '[' && maskEnd(text, at) === -1
  if (char === '{') return braced(text, name, at, place)
  const value = readValue(text, afterPrefix(text, bracket ? at + 1 : at))
  if (value === undefined) return undefined
  const { start, end } = value
  const first = text[start]
  if (first === '-') {
    // A key block has a shape of its own, which also knows where it ends.
    if (text.startsWith('-----BEGIN', start)) return undefined
    // Nothing was given, and a flag follows.
    if (value.quote === '' && isFlag(text, start, end, keys)) return undefined
  }
  // A separator, set apart from its name: `--token : …`.
  if (place.after === 'flag' && (first === ':' || first === '=') && value.quote === '') return undefined
  const quoted = value.quote !== ''
  const mask = maskOf(key.name)
  if (first === '[' && maskEnd(text, start) === end) return masked(text, start, end, mask)
  // The string that the name stands in ends here: `log('password:', x)`.
  if (quoted && !place.spaced && name.quote === '' && /[,;)\]}]/.test(first ?? '')) return undefined
  const held = text.slice(start, end)
  // Nothing was given, and the next pair follows: `password= token=…`.
  if (!quoted && place.spaced && sticky(SEPARATOR, text, end) !== -1 && keys.tell(held.slice(-NAME_LIMIT)))
    return undefined
  const here: Place = {
    after: place.after,
    declared: place.declared,
    quoted,
    spaced: place.spaced && !quoted,
    made: key.made && !inData(text, name, place),
  }
  const credentials = afterScheme(text, value, here, mask)
  if (credentials !== undefined) return credentials === 'none' ? undefined : credentials
  if (key === AUTHORIZATION) {
    const other = afterAnyScheme(text, name.start, value, mask)
    if (other !== undefined) return other
  }
  const label = text.slice(name.start, name.end)
  const jar = key === COOKIE ? cookies(text, start, /^set/i.test(label)) : undefined
  if (jar !== undefined) return jar
  if (key.strict && held.length <= DOUBT_LIMIT && !isMadeByMachine(held)) return undefined
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
  const char = text[separator]
  const next = text[separator + 1]
  let from = separator + 1
  if (char === '=') {
    if (next === '=' || next === '~') return undefined
    if (next === '>') from++
  } else if (char === ':') {
    if (next === ':' || (next === '/' && text[from + 1] === '/')) return undefined
    if (next === '=') from++
  }
  const name = nameBefore(text, separator, floor, keys)
  if (name === undefined) return undefined
  if (char === '(' || char === ',') return argumentAt(text, name, from, keys)
  if (char === '\t' || char === '|') return cellAt(text, name, separator)
  if (char === '<') return nextElement(text, name, separator)
  if (char !== '=' && char !== ':') return elementAt(text, name, from, keys)
  const before = text[name.start - 1]
  const start = skipBlanks(text, from)
  // `/etc/passwd: permission denied`, `arn:…:secret:name`
  if (char === ':' && name.quote === '' && (before === '/' || (before === ':' && start === from)))
    return undefined
  const bare = name.quote === ''
  if (next === '>' && text[start] !== '"' && text[start] !== "'") return undefined
  const below = valueBelow(text, name, start, char)
  if (below !== undefined) return below === 'none' ? undefined : below
  const pattern = char === '=' ? DECLARED : DOCUMENTED
  const declared =
    bare && start > from && pattern.test(text.slice(Math.max(floor, name.start - 16), name.start))
  return pairValue(text, name, start, { after: char, spaced: start > from, declared }, keys)
}

const BLOCK = /[|>][+-]?\d?[+-]?[ \t]{0,8}(?:#[^\n]{0,100})?\r?\n/y
const NEWLINE = /(?:\\[ \t]{0,4})?\r?\n/y
const INDENT_LIMIT = 200

/** How far the line is indented on which `at` stands; a `-` of a list counts as a blank. */
function indentOf(text: string, at: number): number {
  let lineStart = at
  while (lineStart > 0 && at - lineStart < INDENT_LIMIT && !isLineEnd(text.charCodeAt(lineStart - 1)))
    lineStart--
  return contentOf(text, lineStart, '- \t') - lineStart
}

/** Where the content of the line begins. */
function contentOf(text: string, lineStart: number, blanks = ' \t'): number {
  let i = lineStart
  while (i < text.length && i - lineStart < INDENT_LIMIT && blanks.includes(text[i] as string)) i++
  return i
}

/** A value of many lines (`password: |`), or on the line below its name. */
function valueBelow(text: string, name: Name, at: number, after: '=' | ':'): Span | 'none' | undefined {
  const mask = maskOf(name.key.name)
  const first = text.charCodeAt(at)
  if (first === 124 || first === 62) {
    const block = sticky(BLOCK, text, at)
    return block === -1 ? undefined : blockBelow(text, name, block, mask)
  }
  // A backslash, a newline or a carriage return.
  if (first !== 92 && first !== 10 && first !== 13) return undefined
  const below = sticky(NEWLINE, text, at)
  if (below === -1) return undefined
  const start = contentOf(text, below)
  const deeper = start - below > indentOf(text, name.start)
  const item = text[start] === '-' && text[start + 1] === ' '
  const value = readValue(text, item ? contentOf(text, start + 1) : start)
  if (value === undefined || value.end - value.start > DOUBT_LIMIT) return 'none'
  if (maskEnd(text, value.start) === value.end) return masked(text, value.start, value.end, mask)
  if (value.quote === '' && contentOf(text, value.end) !== lineEnd(text, value.end)) return 'none'
  const held = text.slice(value.start, value.end)
  if (/^[\w.-]+:$/.test(held) || held.endsWith('{') || held.endsWith('[') || /^[\w.-]+[:=]/.test(held))
    return 'none'
  const place: Place = { quoted: value.quote !== '', after, spaced: true, made: false, declared: false }
  if (!isCredential(held, place, name.key.weak) || (name.key.strict && !isMadeByMachine(held))) return 'none'
  if (!(deeper || item) && !standsOut(held)) return 'none'
  return { start: value.start, end: value.end, mask }
}

/** All lines from `at` on that are indented deeper than the name. */
function blockBelow(text: string, name: Name, at: number, mask: string): Span | 'none' {
  const indent = indentOf(text, name.start)
  let start = -1
  let end = at
  for (let line = at; line < text.length; ) {
    const content = contentOf(text, line)
    const stop = lineEnd(text, content)
    if (stop > content) {
      if (content - line <= indent) break
      if (start === -1) start = content
      end = stop
    }
    if (text.charCodeAt(stop) === 0x2028) break
    line = stop + 1
  }
  if (start === -1 || text.startsWith('-----BEGIN', start)) return 'none'
  const place: Place = { quoted: true, after: ':', spaced: false, made: false, declared: false }
  const held = text.slice(start, Math.min(end, start + DOUBT_LIMIT))
  if (end - start < DOUBT_LIMIT && !isCredential(held, place, false)) return 'none'
  return masked(text, start, end, mask)
}

const SETTER =
  /^(?:set|with|add|put|use|update|change)?_?[a-z]*(?:pass\w*|pwd|secret|token|key|authorization)$/i
const NEXT_COLON = /\\{0,16}["'`]\s{0,4}[:=]/y
const ARGUMENT = /[ \t]{0,4}(?=\\{0,16}["'`])/y

/** `setPassword("…")`, and two arguments or items of a list: `("X-Api-Key", "…")`. */
function argumentAt(text: string, name: Name, from: number, keys: SecretKeys): Span | undefined {
  const call = name.quote === ''
  // In `f(password, "x")` the name is a variable.
  if (call && text[from - 1] === ',') return undefined
  const start = sticky(ARGUMENT, text, from)
  if (start === -1) return undefined
  const value = readValue(text, start)
  // What a colon follows is the name of the next pair.
  if (value === undefined || value.end === value.start || sticky(NEXT_COLON, text, value.end) !== -1)
    return undefined
  const label = text.slice(name.start, name.end)
  const held = text.slice(value.start, Math.min(value.end, value.start + DOUBT_LIMIT))
  if (keys.tell(held.slice(0, NAME_LIMIT)) !== undefined) return undefined
  const method = label.slice(label.lastIndexOf('.') + 1)
  const certain = call && SETTER.test(method) && !/^(?:get|find|check|has|is|of|by)/i.test(method)
  if (
    maskEnd(text, value.start) !== value.end &&
    name.key !== AUTHORIZATION &&
    !(certain && !/\s/.test(held))
  ) {
    if (value.end - value.start <= DOUBT_LIMIT && !standsOut(held)) return undefined
  }
  return pairValue(text, name, start, { after: ':', spaced: true, declared: false }, keys)
}

/** All of a cell, if that is one word. */
const CELL = /[^\s|"'`\\<>]{6,256}(?=[ \t]{0,64}(?:[|\t\n\r\u2028\\"]|$))/y

/** The cell of a table beside the name: `| password | … |`, or parted by a tab. */
function cellAt(text: string, name: Name, separator: number): Span | undefined {
  const start = skipBlanks(text, separator + 1)
  const known = maskEnd(text, start)
  if (known !== -1) return { start, end: known, mask: text.slice(start, known) }
  const stop = sticky(CELL, text, start)
  if (stop === -1) return undefined
  const held = text.slice(start, stop)
  const place: Place = { quoted: false, after: ':', spaced: true, made: false, declared: false }
  if (!standsOut(held) || !isCredential(held, place, true)) return undefined
  if (name.key.strict && !isMadeByMachine(held)) return undefined
  return { start, end: stop, mask: maskOf(name.key.name) }
}

const NEXT_ELEMENT =
  /<\/(?:td|th|dt|b|strong|label|key|name|Key|Name)>\s{0,16}<(?:td|dd|string|span|value|Value)[^<>]{0,100}>\s{0,8}/y

/** `<td>password</td><td>…</td>`, `<key>password</key><string>…</string>` */
function nextElement(text: string, name: Name, at: number): Span | undefined {
  const start = sticky(NEXT_ELEMENT, text, at)
  if (start === -1) return undefined
  let end = start
  while (end < text.length && end - start < DOUBT_LIMIT && !'<\n'.includes(text[end] as string)) end++
  const held = text.slice(start, end).trim()
  const place: Place = { quoted: true, after: ':', spaced: false, made: false, declared: false }
  if (!isCredential(held, place, name.key.weak) || (name.key.strict && !isMadeByMachine(held)))
    return undefined
  return masked(text, start, start + held.length, maskOf(name.key.name))
}

/** `<password>…</password>` */
function elementAt(text: string, name: Name, from: number, keys: SecretKeys): Span | undefined {
  if (text[name.start - 1] !== '<') return undefined
  const value = readValue(text, from)
  if (value === undefined || value.quote !== '' || !text.startsWith('</', value.end)) return undefined
  return pairValue(text, name, from, { after: '=', spaced: false, declared: false }, keys)
}

/** What stands before and at the separator, in every pair. */
function pairAnchors(letters: string): string[] {
  const after = (before: string, separators: string): string[] =>
    [...before].flatMap((char) => [...separators].map((separator) => char + separator))
  return [
    ...after(`${letters}0123456789"'\` ]?*`, '=:>'),
    // Calls, tables, elements and lists have names without much around them.
    ...after(letters, '(\t|<'),
    ' |',
    ...after('"\'`', ','),
  ]
}

export function pairDetector(keys: SecretKeys): Detector {
  return {
    anchors: pairAnchors(keys.lastLetters),
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
      // In a list, the flag is an item of its own.
      if (start !== -1 && !isBlank(text.charCodeAt(end)) && !isQuote(text.charCodeAt(at - 1)))
        return undefined
      if (key === undefined || start === -1) return undefined
      const name: Name = { key, start: from, end, quote: '' }
      return pairValue(text, name, start, { after: 'flag', spaced: true, declared: false }, keys)
    },
  }
}
