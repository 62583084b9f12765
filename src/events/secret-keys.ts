/** Which names name a secret: of a field (`apiKey`), or of a pair within a text (`DB_PASSWORD=…`). */

import { DIGIT, runStart } from './secret-chars.js'

export interface SecretKey {
  /** Names the mask of the value. */
  name: string
  /**
   * The name alone does not make any value a secret: `token` and `pass` also stand before ordinary words and numbers,
   * so the value must look like one.
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
  made: /key|token/.test(name) && name !== 'key',
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
  [/secret(?:keybase|value|string)?$/, SECRET],
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

/** The last two letters of every name that ENDINGS can match, so that most names are told apart at a glance. */
const TAILS = 'al de ds en er es et ey id ie ls ng ns on rd rm rt se ss th ts ue wd wt ys'.split(' ')

/** Longest name that is looked at. */
export const NAME_LIMIT = 64
const CACHE_LIMIT = 4096

/** Tells secret names from others, and remembers what it told. */
export class SecretKeys {
  readonly #own: ReadonlySet<string>
  readonly #builtin: boolean
  readonly #told = new Map<string, SecretKey | undefined>()
  readonly #tails = new Set<number>()

  constructor(own: readonly string[], builtin: boolean) {
    this.#own = new Set(own.map(normalise).filter((name) => name !== ''))
    this.#builtin = builtin
    const tails = [...this.#own].map((name) => name.slice(-2))
    for (const tail of builtin ? [...tails, ...TAILS] : tails) this.#tails.add(tailCode(tail, tail.length))
  }

  /** Whether there is any name to look for. */
  get any(): boolean {
    return this.#builtin || this.#own.size > 0
  }

  /** A cheap first look: whether a secret name may end before `to` in `text`. */
  mayEnd(text: string, to: number): boolean {
    const letters = runStart(text, to, DIGIT, Math.max(0, to - 8))
    const code = tailCode(text, letters)
    return this.#tails.has(code) || (code === -1 && letters > 0 && this.#own.size > 0)
  }

  /** What the name stands for, or `undefined` when it names no secret. */
  tell(name: string): SecretKey | undefined {
    if (this.#told.has(name)) return this.#told.get(name)
    if (this.#told.size >= CACHE_LIMIT) this.#told.clear()
    const found = this.#own.has(normalise(name)) ? OWN : this.#builtin ? builtinKey(name) : undefined
    this.#told.set(name, found)
    return found
  }
}

/** A number for the two letters before `to`; -1 when they are not two letters. */
function tailCode(text: string, to: number): number {
  const a = text.charCodeAt(to - 2) | 32
  const b = text.charCodeAt(to - 1) | 32
  return a >= 97 && a <= 122 && b >= 97 && b <= 122 ? (a << 8) | b : -1
}
