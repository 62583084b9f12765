/**
 * Options are checked where they come in, by tables: each room's `options.ts` says of every option what it may be, and
 * this file compares. A name that is none, and a value that cannot be, is one line that says what can.
 */

import { HivelogError } from './errors.js'

/** An option that there is not, or a value that it cannot have. The message is one line and says what can be. */
export class OptionsError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_OPTIONS'

  /**
   * @param message one line, safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_OPTIONS', message, cause)
    this.name = 'OptionsError'
  }
}

/** What one option may be. */
export interface Rule {
  /** In words that follow "use". */
  readonly allowed: string
  fits(value: unknown): boolean
  /** The options in an object that fits. */
  readonly within?: Readonly<Record<string, Rule>>
  /** Whether a wrong value is kept out of the message. */
  readonly isSecret?: boolean
}

/** A rule for each option, so that a new one cannot be forgotten. */
export type RulesOf<T> = { readonly [K in keyof Required<T>]: Rule }

/** Longest time of a timer, milliseconds: Node fires a longer one at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A time that may be longer than a timer can be, `Infinity` included, for a timer. */
export const timerMs = (ms: number): number => Math.min(ms, LONGEST_TIMER_MS)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const either = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

export const flag: Rule = { allowed: 'true or false', fits: (value) => typeof value === 'boolean' }

export const text: Rule = {
  allowed: 'a text that is not empty',
  fits: (value) => typeof value === 'string' && value !== '',
}

export const callable: Rule = { allowed: 'a function', fits: (value) => typeof value === 'function' }

export const httpUrl: Rule = {
  allowed: 'a URL that begins with http:// or https://',
  fits: (value) => typeof value === 'string' && /^https?:\/\/./i.test(value) && URL.canParse(value),
}

/** A URL as people may see it: without the name and the password that it may have, and without its query. */
export function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'an address that is none'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`.replace(/\/$/, '')
}

/** The endpoint that a URL means: where it names only a server, that at the path which the protocol says. */
export function endpointOf(url: string, path: string): string {
  const parsed = new URL(url)
  if (parsed.pathname === '/') parsed.pathname = path
  return parsed.href
}

/** One of these words. */
export function oneOf(...words: readonly string[]): Rule {
  return {
    allowed: either(words.map((word) => `'${word}'`)),
    fits: (value) => words.includes(value as string),
  }
}

/**
 * A number.
 * @param unit what it counts, in words; empty for what is no amount
 * @param range `from` and `to` are possible themselves; `Infinity` only when `endless`
 */
export function number(
  unit: string,
  range: { from?: number; to?: number; whole?: boolean; endless?: boolean } = {},
): Rule {
  const {
    from = Number.NEGATIVE_INFINITY,
    to = Number.MAX_SAFE_INTEGER,
    whole = false,
    endless = false,
  } = range
  const bounds = [
    ...(Number.isFinite(from) ? [` from ${from}`] : []),
    ...(range.to === undefined ? [] : [` to ${to}`]),
    ...(endless ? [', or Infinity'] : []),
  ]
  return {
    allowed: `a ${whole ? 'whole ' : ''}number${unit === '' ? '' : ` of ${unit}`}${bounds.join('')}`,
    fits: (value) =>
      typeof value === 'number' &&
      ((endless && value === Number.POSITIVE_INFINITY) ||
        (value >= from && value <= to && (!whole || Number.isInteger(value)))),
  }
}

/** An object with these methods, of whatever class. */
export function having(what: string, ...methods: readonly string[]): Rule {
  return {
    allowed: what,
    fits: (value) => {
      const given = (typeof value === 'function' ? value : isObject(value) && value) as
        | Record<string, unknown>
        | false
      return given !== false && methods.every((name) => typeof given[name] === 'function')
    },
  }
}

export function listOf(what: string, rule: Rule): Rule {
  return {
    allowed: `an array of ${what}`,
    fits: (value) => Array.isArray(value) && value.every((each) => rule.fits(each)),
  }
}

/** An object of any names. */
export function recordOf(what: string, rule: Rule): Rule {
  return {
    allowed: `an object of ${what}`,
    fits: (value) =>
      isObject(value) && Object.values(value).every((each) => each === undefined || rule.fits(each)),
  }
}

/** Options within an option. */
export function group<T>(within: RulesOf<T>): Rule {
  const names = Object.keys(within).map((name) => `\`${name}\``)
  return { allowed: `an object with ${either(names)}`, fits: isObject, within }
}

export function anyOf(...rules: readonly Rule[]): Rule {
  const inner = rules.find((rule) => rule.within !== undefined)?.within
  return {
    allowed: either(rules.map((rule) => rule.allowed)),
    fits: (value) => rules.some((rule) => rule.fits(value)),
    ...(inner !== undefined && { within: inner }),
  }
}

/** A value that is not to be seen in a message. */
export const secret = (rule: Rule): Rule => ({ ...rule, isSecret: true })

/**
 * Compares `given` with its rules. `undefined` is an option that was not given.
 * @param who the function or class whose options they are
 * @throws {OptionsError}
 */
export function checkOptions<T extends object>(who: string, given: T | undefined, rules: RulesOf<T>): void {
  if (given === undefined) return
  let wrong: string | undefined
  try {
    wrong = isObject(given)
      ? faultIn(who, given, rules as Readonly<Record<string, Rule>>, '')
      : `${who}: the options cannot be ${shown(given)}; use an object`
  } catch (error) {
    throw new OptionsError(`${who}: the options cannot be read`, error)
  }
  if (wrong !== undefined) throw new OptionsError(wrong)
}

/** Those of the options that `rules` name, without the ones that were not given. */
export function pickOptions<T extends object>(given: object, rules: RulesOf<T>): Partial<T> {
  const picked: Record<string, unknown> = {}
  for (const name of Object.keys(rules)) {
    const value = (given as Record<string, unknown>)[name]
    if (value !== undefined) picked[name] = value
  }
  return picked as Partial<T>
}

function faultIn(
  who: string,
  given: Record<string, unknown>,
  rules: Readonly<Record<string, Rule>>,
  prefix: string,
): string | undefined {
  for (const name of Object.keys(given)) {
    if (given[name] !== undefined && !Object.hasOwn(rules, name)) return unknownName(who, name, rules, prefix)
  }
  for (const [name, rule] of Object.entries(rules)) {
    const value = given[name]
    if (value === undefined) continue
    const path = `${prefix}${name}`
    if (!rule.fits(value)) {
      const what = rule.isSecret === true ? `a ${typeof value} as given` : shown(value)
      return `${who}: ${path}: ${what} is not possible; use ${rule.allowed}`
    }
    if (rule.within !== undefined && isObject(value)) {
      const wrong = faultIn(who, value, rule.within, `${path}.`)
      if (wrong !== undefined) return wrong
    }
  }
  return undefined
}

function unknownName(
  who: string,
  name: string,
  rules: Readonly<Record<string, Rule>>,
  prefix: string,
): string {
  const names = Object.keys(rules)
  const near = nearest(name, names)
  const help =
    near === undefined
      ? `there ${names.length === 1 ? 'is' : 'are'} ${names.map((each) => `\`${prefix}${each}\``).join(', ')}`
      : `did you mean \`${prefix}${near}\`?`
  return `\`${prefix}${clean(name)}\` is no option of ${who}; ${help}`
}

/** The name that was probably meant. */
function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length > MAX_SHOWN) return undefined
  const given = name.toLowerCase()
  let best: { name: string; edits: number } | undefined
  for (const each of names) {
    const known = each.toLowerCase()
    const edits = known.startsWith(given) && given.length > 2 ? 1 : distance(given, known)
    const limit = known.length <= 3 ? 1 : Math.max(2, Math.floor(known.length / 3))
    if (edits <= limit && edits < (best?.edits ?? Infinity)) {
      best = { name: each, edits }
    }
  }
  return best?.name
}

/** How many letters must be changed, added or left out to make `b` of `a`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}

const MAX_SHOWN = 60

/** A value as it stands in a message. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${clean(value)}'`
    case 'bigint':
      return `${String(value).slice(0, MAX_SHOWN)}n`
    case 'function':
    case 'symbol':
      return `a ${typeof value}`
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'such an array' : 'such an object'
  }
  return String(value)
}

const clean = (given: string): string => {
  const cut = given.length > MAX_SHOWN ? `${given.slice(0, MAX_SHOWN)}…` : given
  return cut.replace(/[^\x20-\x7e…]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
