/** Secrets that are told by the place they stand in or by how they are built, rather than by a prefix. */
import {
  ALNUM,
  BASE64,
  DASH,
  type Detector,
  DIGIT,
  DOT,
  HEX,
  isOf,
  maskEnd,
  masked,
  maskOf,
  runEnd,
  runStart,
  UNDERSCORE,
  UPPER,
  URL_SAFE,
  wordBegins,
} from './secret-chars.js'
import { isCredential, looksLikeToken, type Place } from './secret-values.js'

const GAP = /[ \t]{1,8}|%20/y

function afterGap(text: string, at: number): number {
  GAP.lastIndex = at
  return GAP.test(text) ? GAP.lastIndex : -1
}

const BEARER_BODY = URL_SAFE | DOT | BASE64

const bearer: Detector = {
  anchors: ['bearer'],
  anyCase: true,
  find(text, at, floor) {
    if (!wordBegins(text, at, floor)) return undefined
    const start = afterGap(text, at + 6)
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
    const start = afterGap(text, at + 5)
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

const KEY_BEGIN = /-{4,5} ?BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}/y
const KEY_END = /-{4,5} ?END [A-Z0-9 ]{0,64}-{4,5}/y
/** Between two lines, escaped or not; the second may be quoted, as in a mail. */
const LINE_GAP = /(?:\s|\\{1,16}[nr]|(?<=[\nnr] ?)[>|#*]){1,64}/y
const LINE_LIMIT = 4096
const HEADER_LINE = /[A-Z][A-Za-z-]{2,30}: [^\n\\"]{0,200}/y

/** Where a key block without its end ends: after the lines that look like a key's. */
function truncatedEnd(text: string, from: number): number {
  let end = from
  for (;;) {
    LINE_GAP.lastIndex = end
    const start = LINE_GAP.test(text) ? LINE_GAP.lastIndex : end
    const broken = /[nr\n\r]/.test(text.slice(end, start))
    HEADER_LINE.lastIndex = start
    if (broken && HEADER_LINE.test(text)) {
      end = HEADER_LINE.lastIndex
      continue
    }
    const stop = runEnd(text, start, ALNUM | BASE64, Math.min(text.length, start + LINE_LIMIT))
    // The last line of a block is short; so is the only one of a block that is cut off early.
    const short = broken && stop > start && (end === from || /[\d+/=]/.test(text.slice(start, stop)))
    if (stop - start < 16 && !short) return end
    end = stop
  }
}

const privateKey: Detector = {
  anchors: ['BEGIN '],
  find(text, at, floor) {
    const dashes = runStart(text, text[at - 1] === ' ' ? at - 1 : at, DASH, Math.max(floor, at - 6))
    KEY_BEGIN.lastIndex = dashes
    if (!KEY_BEGIN.test(text)) return undefined
    const from = KEY_BEGIN.lastIndex
    // No key holds four dashes, so the next ones end this block or begin another: no text is searched twice.
    const next = text.indexOf('----', from)
    KEY_END.lastIndex = next
    const end = next !== -1 && KEY_END.test(text) ? KEY_END.lastIndex : truncatedEnd(text, from)
    return end === from ? undefined : { start: dashes, end, mask: maskOf('private-key') }
  },
}

const URL_USER = /[^\s/?#@:"'`<>\\]{0,256}:/y
const URL_PASSWORD = /[^\s/"'`<>\\]*/y

const urlPassword: Detector = {
  anchors: ['://'],
  find(text, at) {
    URL_USER.lastIndex = at + 3
    if (!URL_USER.test(text)) return undefined
    const start = URL_USER.lastIndex
    const known = maskEnd(text, start)
    if (known !== -1 && text[known] === '@') return { start, end: known, mask: text.slice(start, known) }
    URL_PASSWORD.lastIndex = start
    URL_PASSWORD.test(text)
    const rest = text.slice(start, URL_PASSWORD.lastIndex)
    const query = rest.search(/[?#]/)
    // Before `?` or `#`, up to the last `@`; past them only if what stands before is no port.
    let length = (query === -1 ? rest : rest.slice(0, query)).lastIndexOf('@')
    if (length === -1 && !/^\d*(?:[?#]|$)/.test(rest)) length = rest.lastIndexOf('@')
    if (length < 1) return undefined
    const place: Place = { quoted: true, after: ':', spaced: false, made: false, declared: false }
    const end = start + length
    return isCredential(rest.slice(0, length), place, false)
      ? masked(text, start, end, maskOf('url-password'))
      : undefined
  },
}

interface Pattern {
  name: string
  anchors: readonly string[]
  /** How many characters before the anchor the pattern begins. */
  back?: number
  /** Sticky, and bounded in all its repetitions. Its group `keep` stays as it is. */
  pattern: RegExp
}

const PATTERNS: readonly Pattern[] = [
  {
    name: 'slack-webhook',
    anchors: ['hooks.slack.com/'],
    pattern: /(?<keep>hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,200}/y,
  },
  {
    name: 'discord-webhook',
    anchors: ['/webhooks/'],
    pattern: /(?<keep>\/webhooks\/\d{6,24}\/)[\w-]{20,200}/y,
  },
  {
    name: 'teams-webhook',
    anchors: ['webhook.office.com/'],
    pattern: /(?<keep>webhook\.office\.com\/webhookb2\/)[\w@/-]{20,300}/y,
  },
  {
    name: 'zapier-webhook',
    anchors: ['hooks.zapier.com/'],
    pattern: /(?<keep>hooks\.zapier\.com\/hooks\/catch\/)[\w/]{6,100}/y,
  },
  // A signature in a URL lets whoever has it in: shared access (Azure), presigned (AWS, Google).
  { name: 'url-signature', anchors: ['sig='], pattern: /(?<=[?&;]|u0026)(?<keep>sig=)[\w%+/=-]{40,70}/y },
  { name: 'url-signature', anchors: ['-Signature='], pattern: /(?<keep>-Signature=)[A-Fa-f0-9]{40,1024}/y },
  {
    name: 'azure-client-secret',
    anchors: ['Q~'],
    back: 4,
    pattern: /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])/y,
  },
  { name: 'mailchimp-key', anchors: ['-us'], back: 32, pattern: /(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)/y },
  {
    name: 'terraform-token',
    anchors: ['.atlasv1.'],
    back: 14,
    pattern: /(?<!\w)\w{14}\.atlasv1\.[\w-]{40,100}/y,
  },
  { name: 'mapbox-token', anchors: ['sk.eyJ'], pattern: /(?<!\w)sk\.eyJ[\w-]{16,512}\.[\w-]{16,128}/y },
  {
    name: 'putty-private-key',
    anchors: ['Private-Lines:'],
    pattern: /(?<keep>Private-Lines: ?\d{1,4}(?:\s|\\[nr])+)(?:[A-Za-z0-9+/=]{4,128}(?:\s|\\[nr])*){1,200}/y,
  },
  {
    name: 'password',
    anchors: [' -u ', ' --user ', ' -U '],
    pattern:
      /(?<keep> (?:-u|-U|--user) ["']?[\w.@+-]{1,64}:)(?!["'\s/]|\d{1,6}\b)(?=[^\s"']*[^a-z\s"'])[^\s"'<>${}[\]]{3,128}/y,
  },
]

/** Names of algorithms and encodings, which look like a password. */
const ALGORITHM = '(?!(?:base|sha|utf|md|argon|pbkdf|rot|bcrypt|hs|rs|es|ed)-?\\d)'

const SAID: readonly Pattern[] = [
  {
    name: 'password',
    anchors: ['password is', 'password was', 'passphrase is', 'passcode is'],
    pattern: new RegExp(
      `(?<keep>pass\\w{4,6} (?:is|was)(?: now)?:? ["'\`]?)${ALGORITHM}(?=\\S{0,64}\\d)(?=\\S{0,64}[A-Za-z])[^\\s"'\`<>[\\]]{6,128}(?<![.,;])`,
      'iy',
    ),
  },
]

function patternDetector({ name, anchors, back = 0, pattern }: Pattern): Detector {
  const mask = maskOf(name)
  return {
    anchors,
    find(text, at, floor) {
      if (at - back < floor) return undefined
      pattern.lastIndex = at - back
      const match = pattern.exec(text)
      if (match === null) return undefined
      return { start: match.index + (match.groups?.keep?.length ?? 0), end: pattern.lastIndex, mask }
    },
  }
}

const TELEGRAM = /:[\w-]{34,36}(?![\w-])/y

const telegram: Detector = {
  anchors: [...'0123456789'].map((digit) => `${digit}:`),
  find(text, at, floor) {
    TELEGRAM.lastIndex = at + 1
    if (!TELEGRAM.test(text)) return undefined
    const end = TELEGRAM.lastIndex
    const start = runStart(text, at + 1, DIGIT, Math.max(floor, at - 12))
    const digits = at + 1 - start
    if (digits < 6 || digits > 12) return undefined
    const held = text.slice(at + 2, end)
    return /[A-Z]/.test(held) && /[a-z]/.test(held) && /\d/.test(held)
      ? { start, end, mask: maskOf('telegram-token') }
      : undefined
  },
}

const DISCORD = /[A-Za-z0-9_-]{22,30}\.[\w-]{6}\.[\w-]{25,45}(?![\w-])/y

const discord: Detector = {
  anchors: [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_'].map((char) => `${char}.`),
  find(text, at, floor) {
    if (text[at + 8] !== '.') return undefined
    const start = runStart(text, at + 1, URL_SAFE, Math.max(floor, at - 32))
    DISCORD.lastIndex = start
    if (!DISCORD.test(text) || !isOf(text.charCodeAt(start), UPPER)) return undefined
    const end = DISCORD.lastIndex
    // A hash on either side makes it a file name; a token mixes cases in its parts.
    const last = text.slice(at + 9, end)
    const hex = runEnd(text, at + 9, HEX) >= end
    return !hex && /[A-Z]/.test(last) && /[a-z]/.test(last)
      ? { start, end, mask: maskOf('discord-token') }
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
  ...PATTERNS.map(patternDetector),
]
