/** Which names name a secret: of a field (`apiKey`), or of a pair within a text (`DB_PASSWORD=…`). */

import { DIGIT, runStart } from './secret-chars.js'

export interface SecretKey {
  /** Names the mask of the value. */
  name: string
  /**
   * The name alone does not make any value a secret: `token` and `pass` also stand before ordinary words and
   * numbers, so the value must look like one.
   */
  weak: boolean
  /** Its values are made by machines rather than by people. */
  made: boolean
  /** Whether a whole field of this name is replaced. */
  field: boolean
}

const key = (name: string, weak = false, field = true): SecretKey => ({
  name,
  weak,
  field,
  made: /key|token|credentials/.test(name) && name !== 'key',
})

const PASSWORD = key('password')
const SECRET = key('secret')
const API_KEY = key('api-key')
const TOKEN = key('token')
const WEAK_TOKEN = key('token', true)
const WEAK_PASSWORD = key('password', true)
const WEAK_SECRETS = key('secret', true)
const CREDENTIALS = key('credentials', true)
/** Too common as the name of a method or a mode to replace a whole field. */
const AUTH = key('credentials', true, false)
export const AUTHORIZATION = key('authorization')
export const COOKIE = key('cookie', true)
/** A key that the user named. */
const OWN = key('key')

/** Ends of names, lower-case and without separators; the first that fits counts. */
const ENDINGS: readonly (readonly [RegExp, SecretKey])[] = [
  [/(?:password|passwd|passwort|pwd)(?:confirm(?:ation)?)?$/, PASSWORD],
  [/passphrase$|passcode$/, key('passphrase')],
  [/private(?:ssh|rsa)?key$/, key('private-key')],
  [
    /(?:api|app|secret|access|account|shared|encryption|decryption|signing|signature|master|auth|subscription|hmac|jwt|service|servicerole|serviceaccount)key$/,
    API_KEY,
  ],
  [/apikeys$/, API_KEY],
  [/secret(?:keybase|value)?$/, SECRET],
  [/^(?:passwords|secrets|secretkeys|privatekeys|accesstokens|refreshtokens|authtokens)$/, WEAK_SECRETS],
  [/^token$/, WEAK_TOKEN],
  [/token$/, TOKEN],
  [
    /^(?:db|database|user|smtp|mail|email|imap|ftp|sftp|ssh|redis|mysql|pg|postgres|mongo|rabbitmq|admin|root|login|http|proxy|ldap|vpn|wifi|sudo|auth|basic|my)?pass$/,
    WEAK_PASSWORD,
  ],
  [/authorization$/, AUTHORIZATION],
  [/^(?:set|http|session|auth|request|response)?cookies?$/, COOKIE],
  [/(?:phpsessid|jsessionid|aspnetsessionid|connectsid|sessioncookie)$/, key('cookie')],
  [/credentials?$/, CREDENTIALS],
  [/jwt$|^bearer$/, WEAK_TOKEN],
  [/^(?:npm|http|basic|proxy)?auth$/, AUTH],
]

/** First words that make a name a question or a measure: `hasPassword`, `maxToken`. */
const QUESTIONS = new Set(
  'is has had needs need requires require show hide forgot allow with without min max num count total per'.split(
    ' ',
  ),
)

/** Words before `token` that make it a place in a list, or a piece of text, rather than a credential. */
const HARMLESS_TOKENS = new Set(
  (
    'next page prev previous continuation cancellation cancel sync resume per first last current stop start end begin ' +
    'eos bos pad unk mask cls sep special unexpected invalid bad peek syntax design color colour theme css output ' +
    'input prompt completion nextpage'
  ).split(' '),
)

const normalise = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** `nextPageToken` and `NEXT_PAGE_TOKEN` are both `next`, `page`, `token`. */
function wordsOf(name: string): string[] {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2')
  return spaced
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

function builtinKey(name: string): SecretKey | undefined {
  const plain = normalise(name).replace(/\d{1,8}$/, '')
  const found = ENDINGS.find(([ending]) => ending.test(plain))?.[1]
  if (found === undefined) return undefined
  const words = wordsOf(name)
  if (words.length > 1 && QUESTIONS.has(words[0] as string)) return undefined
  if (found === TOKEN) {
    const last = words.at(-1) as string
    const before = last === 'token' ? words.at(-2) : last.replace(/token\d*$/, '')
    if (before !== undefined && HARMLESS_TOKENS.has(before)) return undefined
  }
  return found
}

/**
 * The last three letters of every name that ENDINGS can match, so that most names are told apart at a glance.
 */
const TAILS =
  'als ase ass ens ets eys ial ies ion irm jwt ken key kie lue nid ode ord ort pwd rds rer ret sid swd uth'.split(
    ' ',
  )

/** Longest name that is looked at. */
export const NAME_LIMIT = 64
const CACHE_LIMIT = 4096

/** Tells secret names from others, and remembers what it told. */
export class SecretKeys {
  readonly #own: ReadonlySet<string>
  readonly #builtin: boolean
  readonly #told = new Map<string, SecretKey | null>()
  readonly #tails = new Uint8Array(32 ** 3)
  /** There is a name that does not end in three letters. */
  readonly #odd: boolean

  constructor(own: readonly string[], builtin: boolean) {
    this.#own = new Set(own.map(normalise).filter((name) => name !== ''))
    this.#builtin = builtin
    const tails = [...this.#own, ...(builtin ? TAILS : [])].map((name) => tailCode(name, name.length))
    for (const code of tails) if (code !== -1) this.#tails[code] = 1
    this.#odd = tails.includes(-1)
  }

  /** Whether there is any name to look for. */
  get any(): boolean {
    return this.#builtin || this.#own.size > 0
  }

  /** A cheap first look: whether a secret name may end before `to` in `text`. */
  mayEnd(text: string, to: number): boolean {
    if (this.#odd) return true
    const code = tailCode(text, runStart(text, to, DIGIT, Math.max(0, to - 8)))
    // A separator within the last three letters of one's own name: `s-s-n`.
    return code === -1 ? this.#own.size > 0 : this.#tails[code] === 1
  }

  /** What the name stands for, or `undefined` when it names no secret. */
  tell(name: string): SecretKey | undefined {
    const told = this.#told.get(name)
    if (told !== undefined) return told ?? undefined
    if (this.#told.size >= CACHE_LIMIT) this.#told.clear()
    const found = this.#own.has(normalise(name)) ? OWN : this.#builtin ? builtinKey(name) : undefined
    this.#told.set(name, found ?? null)
    return found
  }
}

/** A number for the three letters before `to`, in any case; -1 when they are not all letters. */
function tailCode(text: string, to: number): number {
  const a = (text.charCodeAt(to - 3) | 32) - 97
  const b = (text.charCodeAt(to - 2) | 32) - 97
  const c = (text.charCodeAt(to - 1) | 32) - 97
  const letters = a >= 0 && a < 26 && b >= 0 && b < 26 && c >= 0 && c < 26
  return letters ? (a << 10) | (b << 5) | c : -1
}
