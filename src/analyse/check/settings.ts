/** Which rules are on, how severe they are, and how they are tuned: from options and config files, strictly. */
import { HivelogError } from '../../format/errors.js'
import {
  CHECK_RULES,
  type CheckRule,
  isRule,
  RULE_IDS,
  type RuleOption,
  SEVERITIES,
  type Severity,
} from './rules.js'

/** A rule switched off, given another severity, or tuned; durations are milliseconds or text like `30m`. */
export type RuleSetting =
  | 'off'
  | Severity
  | {
      /** How bad a finding of the rule is; `off` for no findings. Default: as `CHECK_RULES` has it. */
      severity?: Severity | 'off'
      [option: string]: number | string | readonly string[] | undefined
    }

/** Settings by rule; a rule that is not named is as `CHECK_RULES` has it. */
export type RuleSettings = Partial<Record<CheckRule, RuleSetting>>

/** A setting that cannot be. The message is one line, and says what can be. */
export class CheckConfigError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_CHECK_CONFIG'

  /** @param message one line, safe to print */
  constructor(message: string) {
    super('ERR_HIVELOG_CHECK_CONFIG', message)
    this.name = 'CheckConfigError'
  }
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const LEVELS = `off, ${SEVERITIES.join(', ')}`
/** Windows are held in memory: nobody needs more. */
const MAX_COUNT = 10_000

type OptionsOf<R extends CheckRule> = keyof (typeof CHECK_RULES)[R]['options'] & string

interface Resolved {
  severity: Severity | 'off'
  /** Whether the severity was asked for, so that a finding must not lower it. */
  isFixed: boolean
  options: Map<string, number | readonly string[]>
}

export class Settings {
  readonly #rules = new Map<CheckRule, Resolved>()

  constructor() {
    for (const id of RULE_IDS) {
      const { severity, options } = CHECK_RULES[id]
      const defaults = Object.entries<RuleOption>(options).map(
        ([name, option]) => [name, option.default] as const,
      )
      this.#rules.set(id, { severity, isFixed: false, options: new Map(defaults) })
    }
  }

  severity(rule: CheckRule): Severity | 'off' {
    return this.#of(rule).severity
  }

  isFixed(rule: CheckRule): boolean {
    return this.#of(rule).isFixed
  }

  isOn(...rules: CheckRule[]): boolean {
    return rules.some((rule) => this.#of(rule).severity !== 'off')
  }

  number<R extends CheckRule>(rule: R, option: OptionsOf<R>): number {
    return this.#of(rule).options.get(option) as number
  }

  names<R extends CheckRule>(rule: R, option: OptionsOf<R>): readonly string[] {
    return this.#of(rule).options.get(option) as readonly string[]
  }

  /** Switches off all rules but these, which are on. */
  only(rules: readonly CheckRule[]): void {
    for (const [id, rule] of this.#rules) {
      if (!rules.includes(id)) rule.severity = 'off'
      else if (rule.severity === 'off') rule.severity = CHECK_RULES[id].severity
    }
  }

  /**
   * Applies `{ "<rule>": <setting> }` of any origin.
   * @param source what an error names as the place of the setting
   * @throws {CheckConfigError}
   */
  apply(rules: unknown, source: string): void {
    for (const [id, setting] of entries(rules, `${source}: "rules"`)) {
      if (!isRule(id)) {
        throw new CheckConfigError(
          `${source}: there is no rule ${quote(id)}; the rules are ${RULE_IDS.join(', ')}`,
        )
      }
      this.#applyOne(id, setting, source)
    }
  }

  #applyOne(id: CheckRule, setting: unknown, source: string): void {
    const rule = this.#of(id)
    if (typeof setting === 'string') {
      this.#setSeverity(rule, setting, `${source}: ${id}`)
      return
    }
    const known: Readonly<Record<string, RuleOption>> = CHECK_RULES[id].options
    for (const [name, value] of entries(setting, `${source}: ${id}`)) {
      if (value === undefined) continue
      const place = `${source}: ${id}.${name}`
      if (name === 'severity') {
        this.#setSeverity(rule, value, place)
        continue
      }
      const option = Object.hasOwn(known, name) ? known[name] : undefined
      if (option === undefined) {
        const all = ['severity', ...Object.keys(known)].join(', ')
        throw new CheckConfigError(`${source}: rule ${id} has no option ${quote(name)}; it has ${all}`)
      }
      rule.options.set(name, optionValue(option, value, place))
    }
  }

  #setSeverity(rule: Resolved, value: unknown, place: string): void {
    if (value !== 'off' && !SEVERITIES.includes(value as Severity)) {
      throw new CheckConfigError(`${place} must be one of ${LEVELS}, not ${quote(value)}`)
    }
    rule.severity = value as Severity | 'off'
    rule.isFixed = true
  }

  #of(rule: CheckRule): Resolved {
    return this.#rules.get(rule) as Resolved
  }
}

/** Reads the text of a config file: `{ "rules": { … } }`. @throws {CheckConfigError} */
export function parseConfig(text: string, source: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new CheckConfigError(`${source} is not JSON: ${(error as Error).message.split('\n')[0]}`)
  }
  let rules: unknown = {}
  for (const [key, held] of entries(value, source)) {
    if (key === 'rules') rules = held
    else if (key !== '$schema')
      throw new CheckConfigError(`${source}: there is no key ${quote(key)}; the one key is "rules"`)
  }
  return rules
}

function entries(value: unknown, place: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw new CheckConfigError(`${place} must be an object, not ${quote(value)}`)
}

function optionValue(option: RuleOption, value: unknown, place: string): number | readonly string[] {
  const { type } = option
  if (type === 'names') {
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value as string[]
    throw new CheckConfigError(`${place} must be a list of names, not ${quote(value)}`)
  }
  if (type === 'duration') {
    const ms = typeof value === 'string' ? durationOf(value) : value
    if (typeof ms === 'number' && ms >= 0 && Number.isFinite(ms)) return ms
    throw new CheckConfigError(`${place} must be a duration like "90s", "30m" or "1h", not ${quote(value)}`)
  }
  if (type === 'count') {
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_COUNT)
      return value as number
    throw new CheckConfigError(`${place} must be a whole number from 1 to ${MAX_COUNT}, not ${quote(value)}`)
  }
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value
  throw new CheckConfigError(`${place} must be a number from 0, not ${quote(value)}`)
}

/** Milliseconds of `500ms`, `90s`, `10m`, `1.5h`, `2d`. */
function durationOf(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|min|m|h|d)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * (UNITS[match[2] as string] as number)
}

function quote(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    text = undefined
  }
  return (text ?? String(value)).slice(0, 80)
}
