/** Which names name a secret: of a field (`apiKey`), or of a pair within a text (`DB_PASSWORD=…`). */

import { DIGIT, isOf, runStart } from './secret-chars.js'
import { RULES } from './secret-rules.js'

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
  /** Only a value that looks like a key of a machine counts: the name stands for much else. */
  strict: boolean
  /** Whether a whole field of this name is replaced. */
  field: boolean
}

const key = (name: string, weak = false, field = true): SecretKey => ({
  name,
  weak,
  field,
  strict: false,
  made: /key|token|credentials/.test(name) && name !== 'key',
})
const strictKey = (name: string, field = true): SecretKey => ({
  name,
  weak: true,
  made: true,
  strict: true,
  field,
})

const TOKEN = key('token')
const WEAK_TOKEN = key('token', true)
export const AUTHORIZATION: SecretKey = key('authorization')
export const COOKIE: SecretKey = key('cookie', true)
/** A key that the user named. */
const OWN = key('key')
const ANY_KEY = strictKey('api-key')

interface Names {
  key: SecretKey
  /** Ends of names, lower-case and without separators, space between. */
  ends?: string
  /** Whole names. */
  whole?: string
}

const each = (before: string, after: string): string =>
  before
    .split(' ')
    .map((word) => `${word}${after}`)
    .join(' ')

/** The first that fits counts. */
const NAMES: readonly Names[] = [
  {
    key: key('password'),
    ends: `password passwd passwort pwd ${each('password passwd', 'confirm')} ${each('password passwd', 'confirmation')}`,
  },
  { key: key('passphrase'), ends: 'passphrase passcode' },
  { key: key('private-key'), ends: 'privatekey privatesshkey privatersakey' },
  ...RULES.flatMap((rule) =>
    rule.shapes.flatMap((shape) =>
      'names' in shape ? [{ key: strictKey(rule.id, shape.loose !== true), ends: shape.names }] : [],
    ),
  ),
  {
    key: key('api-key'),
    ends: `apikeys ${each(
      'api app secret access account shared encryption decryption signing signature master auth subscription hmac jwt ' +
        'service servicerole serviceaccount',
      'key',
    )}`,
  },
  { key: key('secret'), ends: 'secret secretkeybase secretvalue' },
  {
    key: key('secret', true),
    whole: 'passwords secrets secretkeys privatekeys accesstokens refreshtokens authtokens',
  },
  { key: WEAK_TOKEN, whole: 'token' },
  { key: TOKEN, ends: 'token' },
  {
    key: key('password', true),
    whole: `pass ${each(
      'db database user smtp mail email imap ftp sftp ssh redis mysql pg postgres mongo rabbitmq admin root login http ' +
        'proxy ldap vpn wifi sudo auth basic my',
      'pass',
    )}`,
  },
  { key: AUTHORIZATION, ends: 'authorization' },
  { key: COOKIE, whole: 'cookie cookies '.concat(each('set http session auth request response', 'cookie')) },
  { key: COOKIE, whole: each('set http session auth request response', 'cookies') },
  { key: key('cookie'), ends: 'phpsessid jsessionid aspnetsessionid connectsid sessioncookie' },
  { key: key('credentials', true), ends: 'credential credentials' },
  { key: WEAK_TOKEN, ends: 'jwt', whole: 'bearer' },
  // Too common as the name of a method or a mode to replace a whole field.
  { key: key('credentials', true, false), whole: 'auth npmauth httpauth basicauth proxyauth' },
]

const words = (text: string | undefined): string[] => text?.trim().split(/\s+/) ?? []
const ENDS = NAMES.map((names) => ({
  key: names.key,
  pattern: new RegExp(
    [
      names.ends && `(?:${words(names.ends).join('|')})$`,
      names.whole && `^(?:${words(names.whole).join('|')})$`,
    ]
      .filter(Boolean)
      .join('|'),
  ),
}))

/** First words that make a name a question or a measure: `hasPassword`, `maxToken`. */
const QUESTIONS = new Set(
  words(
    'is has had needs need requires require show hide forgot allow with without min max num count total per',
  ),
)

/** Words before `token` that make it a place in a list, or a piece of text, rather than a credential. */
const HARMLESS_TOKENS = new Set(
  words(
    'next page prev previous continuation cancellation cancel sync resume per first last current stop start end begin ' +
      'eos bos pad unk mask cls sep special unexpected invalid bad peek syntax design color colour theme css output ' +
      'input prompt completion nextpage',
  ),
)
/** Words before `key` that make it the name of a thing. */
const HARMLESS_KEYS = new Set(
  words(
    'primary foreign public cache partition sort hash row idempotency surrogate index lookup group object translation ' +
      'i18n message event storage map dict json query natural composite unique range s3 bucket shard license host',
  ),
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
  const found = ENDS.find(({ pattern }) => pattern.test(plain))?.key
  const parts = wordsOf(name)
  if (found === undefined) return anyKey(name, parts)
  if (parts.length > 1 && QUESTIONS.has(parts[0] as string)) return undefined
  if (found === TOKEN) {
    const last = parts.at(-1) as string
    const before = last === 'token' ? parts.at(-2) : last.replace(/token\d*$/, '')
    if (before !== undefined && HARMLESS_TOKENS.has(before)) return undefined
  }
  return found
}

/** `STRIPE_KEY`, and a header of one's own: `X-Hive-Key`. */
function anyKey(name: string, parts: readonly string[]): SecretKey | undefined {
  if (parts.length < 2 || parts.at(-1) !== 'key' || HARMLESS_KEYS.has(parts.at(-2) as string))
    return undefined
  return /^x[-_]/i.test(name) || /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_KEY$/.test(name) ? ANY_KEY : undefined
}

/** The last three letters of every built-in name, so that most names are told apart at a glance. */
const TAILS = new Set([
  'key',
  ...NAMES.flatMap(({ ends, whole }) => [...words(ends), ...words(whole)].map((name) => name.slice(-3))),
])

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

  /** The last letters of all names, in both cases. */
  get lastLetters(): string {
    const last = [...this.#own, ...(this.#builtin ? TAILS : [])].map((name) => name.at(-1) as string)
    const letters = [...new Set(last)].filter((char) => /[a-z]/.test(char)).join('')
    return letters + letters.toUpperCase()
  }

  /** A cheap first look: whether a secret name may end before `to` in `text`. */
  mayEnd(text: string, to: number): boolean {
    if (this.#odd) return true
    const digit = isOf(text.charCodeAt(to - 1), DIGIT)
    const code = tailCode(text, digit ? runStart(text, to, DIGIT, Math.max(0, to - 8)) : to)
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
