/** Command line arguments, on top of `node:util`'s parser: same wording of errors for every command. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { HiveEvent } from '../events/kinds.js'
import { isMalformed, type LogItem } from '../reader/items.js'

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

/** Which items `--kind` and `--agent` let through; `undefined` for all. Malformed lines match no filter. */
export function itemFilter(
  kinds: readonly string[] = [],
  agents: readonly string[] = [],
): ((item: LogItem) => boolean) | undefined {
  if (kinds.length === 0 && agents.length === 0) return undefined
  return (item) => {
    if (isMalformed(item)) return false
    return (
      (kinds.length === 0 || kinds.includes(item.event.kind)) &&
      (agents.length === 0 || concerns(item.event, agents))
    )
  }
}

function concerns(event: HiveEvent, agents: readonly string[]): boolean {
  const { agentId, from, to } = event as Record<string, unknown>
  return [agentId, from, to].some((id) => typeof id === 'string' && agents.includes(id))
}
