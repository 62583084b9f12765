/** Command line arguments, on top of `node:util`'s parser: same wording of errors for every command. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { isAbout } from '../model/who.js'
import { isBreak, isMalformed, type LogItem } from '../read/items.js'
import { io } from './io.js'
import { nearest } from './nearest.js'

/** Bad use of the command line: one line for standard error, exit code 2. */
export class UsageError extends Error {}

/** A command: its help text, and what it does. `run` returns the exit code. */
export interface Command {
  help: string
  run(args: string[]): Promise<number>
}

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>

/** @throws {UsageError} on an unknown option, a missing value, or one that is empty */
export function parse<T extends Options>(command: string, args: string[], options: T): Parsed<T> {
  let parsed: Parsed<T>
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(
      `${whatIsWrong(error as NodeJS.ErrnoException, options)}; see hivelog ${command} --help`,
    )
  }
  for (const [name, given] of Object.entries(parsed.values)) {
    if ([given].flat().includes('')) {
      throw new UsageError(`--${name} needs a value, not ''; see hivelog ${command} --help`)
    }
  }
  if (parsed.positionals.includes('')) throw new UsageError("FILE is the name of a log, not ''")
  return parsed
}

function whatIsWrong(error: NodeJS.ErrnoException, options: Options): string {
  const { code, message } = error
  const [first = 'bad arguments'] = message.split(/\. |\.?\n/)
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const name = /'(--?[^']*)'/.exec(first)?.[1] ?? ''
    const names = Object.keys(options).concat('help')
    const meant = name.startsWith('--') ? nearest(name.slice(2), names) : undefined
    const unknown = name === '' ? first : `Unknown option '${name}'`
    return meant === undefined ? unknown : `${unknown}; did you mean --${meant}?`
  }
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' && first.includes('ambiguous')) {
    const name = /--[a-z-]+/.exec(first)?.[0] ?? 'the option'
    return `${name} needs a value; one that begins with - is given as ${name}=-VALUE`
  }
  return first
}

/** The log that is meant when none is named. */
export function defaultFile(): string {
  const file = io().env.HIVELOG_FILE
  return file === undefined || file === '' ? 'hive.jsonl' : file
}

/** The one file argument. @throws {UsageError} when there are more */
export function oneFile(command: string, positionals: readonly string[]): string {
  if (positionals.length > 1) {
    throw new UsageError(
      `hivelog ${command} takes one FILE, not ${positionals.length}; see hivelog ${command} --help`,
    )
  }
  return positionals[0] ?? defaultFile()
}

/** The largest number that an option takes. */
const MAX_NUMBER = 999_999_999_999_999

/** A whole number in a range. @throws {UsageError} */
export function wholeNumber(
  option: string,
  value: string,
  { min = 0, max = MAX_NUMBER }: { min?: number; max?: number } = {},
): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  const range = max === MAX_NUMBER ? ` from ${min} on` : ` from ${min} to ${max}`
  throw new UsageError(`${option} needs a whole number${range}, not '${value}'`)
}

/** One of some words. @throws {UsageError} */
export function oneOf<T extends string>(option: string, value: string, words: readonly T[]): T {
  const word = words.find((each) => each === value)
  if (word !== undefined) return word
  const meant = nearest(value, words)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  throw new UsageError(`${option} needs one of ${words.join(', ')}, not '${value}'${hint}`)
}

/** Any kind can be in a log, but none has blanks or commas in it. @throws {UsageError} */
function mustBeKinds(kinds: readonly string[]): void {
  const bad = kinds.find((kind) => /[\s,\p{Cc}]/u.test(kind))
  if (bad !== undefined) {
    throw new UsageError(
      `--kind needs one kind, such as message, and can be given several times, not '${bad}'`,
    )
  }
}

/** Ids as `hivelog` prints them: lower case. @throws {UsageError} unless each is `digits` hex digits */
export function hexIds(option: string, ids: readonly string[] = [], digits: 16 | 32): string[] {
  const hex = new RegExp(`^[\\da-f]{${digits}}$`, 'i')
  const bad = ids.find((id) => !hex.test(id))
  if (bad !== undefined) throw new UsageError(`${option} needs ${digits} hex digits, not '${bad}'`)
  return ids.map((id) => id.toLowerCase())
}

/**
 * Which items `--kind`, `--agent`, `--trace` and `--span` let through: those that match one value of each option that
 * is given; `undefined` for all. Malformed lines match no filter.
 * @throws {UsageError} on a kind, trace id or span id that is none
 */
export function itemFilter(
  kinds: readonly string[] = [],
  agents: readonly string[] = [],
  ids: { trace?: readonly string[] | undefined; span?: readonly string[] | undefined } = {},
): ((item: LogItem) => boolean) | undefined {
  mustBeKinds(kinds)
  const traces = hexIds('--trace', ids.trace, 32)
  const spans = hexIds('--span', ids.span, 16)
  const wanted = new Set(agents)
  if (kinds.length + agents.length + traces.length + spans.length === 0) return undefined
  return (item) => {
    // That a segment is not the log's own is for everybody to see, whatever was asked for.
    if (isMalformed(item)) return isBreak(item)
    return (
      (kinds.length === 0 || kinds.includes(item.event.kind)) &&
      (agents.length === 0 || isAbout(item.event, wanted)) &&
      (traces.length === 0 || isOneOf(item.event.trace, traces)) &&
      (spans.length === 0 || isOneOf(item.event.span, spans))
    )
  }
}

/** The field can be anything in a log that another program wrote. */
function isOneOf(id: unknown, ids: readonly string[]): boolean {
  return typeof id === 'string' && ids.includes(id.toLowerCase())
}
