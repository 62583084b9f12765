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

const URL_USER = /[^\s/?#@:"'`<>\\]{0,256}:/y
const URL_PASSWORD = /[^\s/"'`<>\\]*/y

const urlPassword: Detector = {
  anchors: ['://'],
  find(text, at) {
    const start = sticky(URL_USER, text, at + 3)
    if (start === -1) return undefined
    const known = maskEnd(text, start)
    if (known !== -1 && text[known] === '@') return { start, end: known, mask: text.slice(start, known) }
    const rest = text.slice(start, sticky(URL_PASSWORD, text, start))
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
  // What people tell each other; `is base64` and `is sha256` are no passwords.
  {
    name: 'password',
    anchors: ['password is', 'password was', 'passphrase is', 'passcode is', 'Password is', 'Passphrase is'],
    pattern:
      /(?<keep>[Pp]ass\w{4,6} (?:is|was)(?: now)?:? {0,2}["'`]?)(?!(?:base|sha|utf|md|argon|pbkdf|rot)-?\d)(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])[^\s"'`<>[\]\\]{5,128}[^\s"'`<>[\]\\.,;:)]/y,
  },
  {
    name: 'password',
    anchors: ['WITH PASSWORD ', 'with password ', 'IDENTIFIED BY '],
    pattern: /(?<keep>[A-Za-z]{4,10} [A-Za-z]{2,8} ')(?!\[redacted)[^'\n]{1,200}(?=')/y,
  },
  {
    name: 'password',
    anchors: ['login '],
    pattern: /(?<keep>\blogin \S{1,64}\s{1,8}password )(?!\[redacted)[^\s"'`<>$\\]{1,128}/y,
  },
  {
    name: 'password',
    anchors: ['sshpass -p'],
    pattern: /(?<keep>\bsshpass -p ?["']?)(?!\[redacted)[^\s"'`<>$\\]{1,128}/y,
  },
  {
    name: 'password',
    anchors: [' -u ', ' --user ', ' -U '],
    pattern:
      /(?<keep> (?:-u|-U|--user) ["']?[\w.@+-]{1,64}:)(?!["'\s/]|\d{1,6}\b)(?=[^\s"']*[^a-z\s"'])[^\s"'<>${}[\]\\]{3,128}/y,
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
      const start = match.index + (match.groups?.keep?.length ?? 0)
      // The bound of the last repetition is there for the regular expression, not for the secret.
      return { start, end: runEnd(text, pattern.lastIndex, URL_SAFE), mask }
    },
  }
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
    if (!wordBegins(text, at, floor)) return undefined
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
  ...PATTERNS.map(patternDetector),
]
