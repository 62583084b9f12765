/**
 * What stands on the right of a secret's name: where the value begins and ends, and whether it is a
 * credential or a placeholder, a word of prose, or code.
 */
import { DIGIT, isOf, LOWER, maskEnd, runEnd, sticky, UPPER } from './secret-chars.js'

export interface Value {
  start: number
  end: number
  /** The quote before it, with its backslashes; empty when it is bare. */
  quote: string
}

const QUOTES = '"\'`'
const ESCAPE_LIMIT = 32

/** How many backslashes stand before `at`. */
function backslashes(text: string, at: number, floor: number): number {
  let i = at
  while (i > floor && text[i - 1] === '\\') i--
  return at - i
}

/** The value that begins at `at`: up to the closing quote, or up to where a bare word ends. */
export function readValue(text: string, at: number): Value | undefined {
  let open = at
  while (text[open] === '\\' && open - at < ESCAPE_LIMIT) open++
  const quote = text[open]
  if (quote !== undefined && QUOTES.includes(quote)) {
    if (open === at && text[at + 1] === quote && text[at + 2] === quote) return tripled(text, at, quote)
    return {
      start: open + 1,
      end: closing(text, open + 1, quote, open - at),
      quote: text.slice(at, open + 1),
    }
  }
  if (open > at) return undefined
  const end = bareEnd(text, at)
  return end > at ? { start: at, end, quote: '' } : undefined
}

/** A value in three quotes, of many lines maybe: up to the next three, or up to the end of its line. */
function tripled(text: string, at: number, quote: string): Value {
  const start = text[at + 3] === '\n' ? at + 4 : at + 3
  const closed = text.indexOf(quote.repeat(3), start)
  const end = closed === -1 ? lineEnd(text, start) : closed
  return { start, end, quote: quote.repeat(3) }
}

/** Where the line that holds `at` ends. */
export function lineEnd(text: string, at: number): number {
  let i = at
  while (i < text.length && !isLineEnd(text.charCodeAt(i))) i++
  return i
}

/** A newline, or what stands between two texts in a decoded one. */
export const isLineEnd = (code: number): boolean => code === 10 || code === 13 || code === 0x2028

/**
 * The end of a value in quotes that are escaped by `depth` backslashes, as in JSON within JSON. A quote
 * inside the value has more of them; one with fewer ends the text around it. A quote that is never closed
 * ends with its line.
 */
export function closing(text: string, from: number, quote: string, depth: number): number {
  for (let i = from; i < text.length; i++) {
    const char = text[i]
    if (char === '\n' || char === '\u2028') return i
    if (char !== quote) continue
    const before = backslashes(text, i, from)
    if (before < depth || before % (2 * (depth + 1)) === depth) return i - Math.min(before, depth)
  }
  return text.length
}

const CLOSERS = ')]}'
const OPENERS = '([{'
const NEXT_PAIR = /[\w.-]{1,40}\s?[=:]/y
const ESCAPE = /\\(?:[nrtbf"'`\\/]|u00)/y

const isSpace = (code: number): boolean => code <= 32 || code === 0xa0 || code === 0x2028

function endsWord(text: string, at: number): boolean {
  const char = text[at]
  return char === undefined || isSpace(text.charCodeAt(at)) || '"\'`<>&,;)]}\\|'.includes(char)
}

/**
 * Punctuation ends a bare value only when no more of the value can follow: passwords have some of it inside.
 */
function bareEnd(text: string, from: number): number {
  let i = from
  let depth = 0
  for (; i < text.length; i++) {
    const char = text[i] as string
    if (isSpace(text.charCodeAt(i)) || '"\'`<>&'.includes(char)) break
    if (char === '\\' && sticky(ESCAPE, text, i) !== -1) break
    if (OPENERS.includes(char)) {
      const end = maskEnd(text, i)
      if (end === -1) depth++
      else i = end - 1
    } else if (CLOSERS.includes(char)) {
      if (depth === 0 && (endsWord(text, i + 1) || '.:?!='.includes(text[i + 1] as string))) break
      if (depth > 0) depth--
    } else if (char === ',' || char === ';' || char === '|') {
      if (endsWord(text, i + 1) || sticky(NEXT_PAIR, text, i + 1) !== -1) break
    }
  }
  while (i > from && (text[i - 1] === '.' || text[i - 1] === ':')) i--
  return i
}

/** What people and programs write where a secret would stand. */
const PLACEHOLDER = new RegExp(
  `^(?:${[
    '[*\\u2022.#_-]+', // ***
    '[xX]{3,}',
    '<.*>?', // <password>
    '\\[[^\\]]*\\]?', // [hidden]
    '\\([^)]*\\)?',
    '\\{\\{?[^{}]*\\}?\\}?', // {{ password }}
    '\\$\\{[^}]*\\}?\\}?', // ${DB_PASSWORD}
    '\\$\\(.*', // $(cat file)
    '\\$[A-Z_][A-Z0-9_]*', // $PASSWORD
    '\\$[a-z]*(?:pass|pwd|password|token|secret|key)', // $password
    '\\$[a-z]+_[a-z_]+',
    '#\\{.*\\}?',
    '%[A-Za-z_]*%?', // %PASSWORD%, %s
    '%[({][A-Za-z_]*[)}]s?',
    '.{0,8}(?:\\.{3}|\u2026)', // sk-...
    '\\?|[:@][a-z_]*(?:pass|password|pwd|token|secret|key)', // :password, bound by a database driver
    '(?:your|insert|enter|replace)[-_ ].*',
    'YOUR[A-Z]*',
    '!\\w*', // a YAML tag
    '/[/*].*', // a comment
  ].join('|')})$`,
)

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/** Values that say what is up with a secret, or of which type it is, and not what it is. */
const STATUS = words(`
  null none undefined nil nan n/a na tbd true false yes no on off empty blank required optional missing
  invalid incorrect wrong expired changed change reset set unset hidden masked redacted filtered removed
  omitted protected sensitive encrypted hashed ok okay failed failure denied rejected accepted revoked
  disabled enabled updated rotated valid mismatch unknown unavailable unchanged verified unauthorized
  forbidden present absent provided confirmed created deleted stored saved generated loaded found used
  refreshed string str text bytes number int integer any object boolean bool char varchar buffer uint8array
  secretstr str|none string|null string|undefined include same-origin omit basic bearer digest oauth oauth2
  ntlm negotiate kerberos mtls read write ldap saml oidc sso iam apikey
`)

/** Words that begin or carry a sentence; a bare value of one of them is prose. */
const PROSE = words(`
  a an the this that these those it its is are was were be been being am must should shall will would can
  cannot could may might do does did has have had not never always please and or but nor if when where why
  how who what which while for from to in on of at by with without as than then too also only just very at
  least minimum maximum min max use used uses using see enter type choose pick click copy paste keep check
  ask send get provide required contains containing case click here there your my our their his her you we
  they i he she no any some every each all both more less new old same other another let make lets makes
  needs need want try into onto upon via about after before until during per between under over through
  again back up down out off flag option argument value values parameter param field header prompt
`)

/** How a sentence in quotes begins: a message about the field of that name. */
const SENTENCE =
  /^(?:must|should|is|was|are|cannot|can't|can|may|has|does|do|did|not|no|required|invalid|missing|incorrect|wrong|expired|please|enter|unexpected|optional|failed)\s/i

const HEADS =
  'process env os this self req request res response config cfg settings options opts args argv params props ctx ' +
  'context user data body input form state import secrets vars var local module session event credentials creds auth ' +
  'client account payload app values cls sys exports'
const IDENTIFIER_PATH = new RegExp(`^(?:${HEADS.split(' ').join('|')})(?:\\??\\.[#A-Za-z_$][\\w$]*)+[!?]?$`)
const CALL = /^(?:[A-Za-z_$][A-Za-z_$.]*|[A-Za-z_$][\w$]*(?:\.[\w$]+)+)[([]/
const TYPE =
  /^[A-Z][a-z]+(?:[A-Z][a-z]+)*(?:Like|Type|Object|String|Input|Options|View|Buffer|Props|Schema|Field|Dto|Param|Value|Data|Model)$/
const CLOSED_CALL = /[([]$|[)\]][;!.,\w()]*$/
/** `userPassword`, `auth_token`: a variable that holds it. */
const VARIABLE =
  /^(?:db|user|auth|access|refresh|api|client|bot|session|admin|root|github|gh|new|old|current|raw|input)(?:_(?:password|passwd|pwd|secret|token|key)|Password|Passwd|Pwd|Secret|Token|Key)$/
/** A type, a function or a variable: letters, joined by case or dots. No issuer makes keys like that. */
const IDENTIFIER =
  /^_?[A-Za-z][a-z]*(?:[A-Z]{1,4}[a-z]+)*(?:\??\.[A-Za-z][a-z]*(?:[A-Z]{1,4}[a-z]+)*){0,5}[?!]?$/
const PATH = /^!*[A-Za-z_$]+(?:\??\.[A-Za-z_$]+)+$/
const OF_SECRET = /(?:pass\w*|secret|token|key|null)$/i
const TYPE_PATH = /^[A-Za-z_]\w*(?:\.\w+)*\.\w*(?:Key|Token|Password|Secret|Credentials|String|Buffer)$/
const CONSTANT = /^_?[A-Z]+(?:_[A-Z]+)+$/
const FILE = /^(?:\.{0,2}|~)\/[\w.-]/

export interface Place {
  quoted: boolean
  /** What stands between the name and the value. */
  after: '=' | ':' | 'flag'
  /** Whitespace stands before the value: in prose and code it does, in data mostly not. */
  spaced: boolean
  /** The values are made by machines, unlike passwords: a few plain letters are none. */
  made: boolean
  /** A variable is declared there: `const token = …`. */
  declared: boolean
}

/**
 * Longest value that may turn out to be none; a longer one is taken for a secret, so that no text is read
 * twice.
 */
export const DOUBT_LIMIT = 512
/** Longest value that can be a placeholder; also bounds what telling costs. */
const PLACEHOLDER_LIMIT = 200

/** Whether the value is one that must not be seen. */
export function isCredential(value: string, place: Place, weak: boolean): boolean {
  if (value === '') return false
  if (value.length > PLACEHOLDER_LIMIT) return !/^[*\u2022.xX_-]+$/.test(value)
  if (PLACEHOLDER.test(value) || IDENTIFIER_PATH.test(value)) return false
  const word = value.toLowerCase().replace(/[.,:!?)\]}]+$/, '')
  if (word === '' || STATUS.has(word)) return false
  if (place.quoted) {
    if (SENTENCE.test(value)) return false
  } else {
    if (place.spaced && PROSE.has(word)) return false
    if (place.spaced && place.after === ':' && TYPE.test(value)) return false
    if (VARIABLE.test(value) || (CALL.test(value) && (place.spaced || CLOSED_CALL.test(value)))) return false
    if (place.spaced && (word === 'await' || word === 'new' || word === 'void')) return false
    if (place.spaced && place.after === ':' && TYPE_PATH.test(value)) return false
    if (place.spaced && place.after === '=' && PATH.test(value) && (place.made || OF_SECRET.test(value)))
      return false
    if (place.spaced && place.made && (CONSTANT.test(value) || isIdentifier(value))) return false
    if (place.declared && /^[A-Za-z_$][\w$.?!]*;?$/.test(value)) return false
  }
  return weak ? looksSecret(value, place) : true
}

/** Words of prose, by which a sentence is told from credentials of several words. */
export const isProse = (word: string): boolean => {
  const plain = word.toLowerCase().replace(/[.,:!?)\]}]+$/, '')
  return plain === '' || PROSE.has(plain) || STATUS.has(plain)
}

function isIdentifier(value: string): boolean {
  if (/^[A-Za-z]{1,11}$|^\d{1,5}$/.test(value)) return true
  return (
    value.length < 64 && /[a-z][A-Z.]/.test(value) && !/secret|pass/i.test(value) && IDENTIFIER.test(value)
  )
}

/** Whether a value after a name that does not tell much looks like a secret itself. */
function looksSecret(value: string, place: Place): boolean {
  if (/^[\d.,]+$/.test(value)) return value.length >= 6 && !place.spaced
  if (place.after === 'flag') return value.length >= 3
  if (place.after === '=' && !place.quoted)
    return value.length >= 3 && !(place.spaced && /^[A-Za-z]+$/.test(value))
  if (/\d/.test(value)) return value.length >= (place.quoted ? 4 : 6)
  if (/\s/.test(value)) return false
  const plain = /^[A-Za-z]+$/.test(value)
  return value.length >= (plain ? (place.quoted ? 8 : 16) : 12)
}

/**
 * Whether a word in the place of a token, with no separator to say so, is one: `Bearer authentication` is
 * not.
 */
export function looksLikeToken(text: string, from: number, to: number): boolean {
  const length = to - from
  if (length < 6) return false
  const word = text.slice(from, Math.min(to, from + 64))
  if (word.startsWith('eyJ') || (length >= 12 && /secret/i.test(word))) return true
  if (/^(?:rfc|oauth|sha|hs|rs|es|http)-?\d/i.test(word)) return false
  let seen = 0
  const end = Math.min(to, from + 256)
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i)
    if (isOf(code, DIGIT)) seen |= DIGIT
    else if (isOf(code, LOWER)) seen |= LOWER
    else if (isOf(code, UPPER) && i > from) seen |= UPPER
  }
  if ((seen & DIGIT) !== 0) return (seen & (LOWER | UPPER)) !== 0
  const letters = runEnd(text, from, LOWER | UPPER, end) === end
  return letters && (length >= 20 || (length >= 10 && (seen & UPPER) !== 0 && (seen & LOWER) !== 0))
}

/**
 * Whether a value after a name that stands for much else is a machine's: a stretch of letters and digits that no word
 * has, or a UUID.
 */
export function isMadeByMachine(value: string): boolean {
  if (value.length < 12) return false
  const seen = value.slice(0, 256)
  return (
    /[A-Za-z]/.test(seen) && /\d/.test(seen) && /[A-Za-z0-9+/]{10}|^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-/.test(seen)
  )
}

/** What has letters and digits and is no secret. */
const TECHNICAL =
  /^(?:oauth|sha|md|utf|base|http|ipv|ed|rs|es|hs|x|v|p|h|s|aes|ecdsa|iso|rfc|web|log|ec|m|t|id|int|uint|float|i|u|f)[-_]?\d[\w.-]*$/i

/** Whether a value in a place where words stand too, a cell or a list, looks like a secret. */
export function standsOut(value: string): boolean {
  if (value.length < 6 || value.length > 512 || /\s/.test(value) || TECHNICAL.test(value)) return false
  if (!/[A-Za-z]/.test(value)) return false
  return /\d/.test(value) || /[a-z][^\w\s.:/,-]|[^\w\s.:/,-][A-Za-z]/.test(value)
}

/** The path of a file that holds the secret, not the secret. */
export const isFile = (value: string): boolean => FILE.test(value)
