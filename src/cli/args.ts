/** Command line arguments, on top of `node:util`'s parser: same wording of errors for every command. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { HiveEvent } from '../format/kinds.js'
import { isBreak, isMalformed, type LogItem } from '../read/items.js'

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

/** @throws {UsageError} on an unknown option or a missing value */
export function parse<T extends Options>(command: string, args: string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    const message = (error as Error).message.split(/[.\n]/)[0] ?? 'bad arguments'
    throw new UsageError(`${message}; see hivelog ${command} --help`)
  }
}

/** The log that is meant when none is named. */
export function defaultFile(): string {
  const file = process.env.HIVELOG_FILE
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

/** A whole number from 0. @throws {UsageError} */
export function wholeNumber(option: string, value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new UsageError(`${option} needs a whole number, not '${value}'`)
  return Number(value)
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
 * @throws {UsageError} on a trace or span id that is none
 */
export function itemFilter(
  kinds: readonly string[] = [],
  agents: readonly string[] = [],
  ids: { trace?: readonly string[] | undefined; span?: readonly string[] | undefined } = {},
): ((item: LogItem) => boolean) | undefined {
  const traces = hexIds('--trace', ids.trace, 32)
  const spans = hexIds('--span', ids.span, 16)
  if (kinds.length + agents.length + traces.length + spans.length === 0) return undefined
  return (item) => {
    // That a segment is not the log's own is for everybody to see, whatever was asked for.
    if (isMalformed(item)) return isBreak(item)
    return (
      (kinds.length === 0 || kinds.includes(item.event.kind)) &&
      (agents.length === 0 || concerns(item.event, agents)) &&
      (traces.length === 0 || isOneOf(item.event.trace, traces)) &&
      (spans.length === 0 || isOneOf(item.event.span, spans))
    )
  }
}

/** The field can be anything in a log that another program wrote. */
function isOneOf(id: unknown, ids: readonly string[]): boolean {
  return typeof id === 'string' && ids.includes(id.toLowerCase())
}

function concerns(event: HiveEvent, agents: readonly string[]): boolean {
  const { agentId, from, to } = event as Record<string, unknown>
  return [agentId, from, to].some((id) => typeof id === 'string' && agents.includes(id))
}
