/** The `hivelog` command: finds the subcommand, and turns what it throws into one line and an exit code. */

import { pad } from '../text/terminal.js'
import { VERSION } from '../version.js'
import { type Command, UsageError } from './args.js'
import { withStore } from './from-store.js'
import { type Io, io, withIo } from './io.js'
import { nearest } from './nearest.js'
import { say } from './output.js'

const COMMANDS: Record<string, { summary: string; load: () => Promise<{ command: Command }> }> = {
  tail: { summary: 'show the last events, and follow new ones', load: () => import('./tail.js') },
  cat: { summary: 'show whole logs', load: () => import('./cat.js') },
  show: { summary: 'show one event in full, and what came of it', load: () => import('./show.js') },
  talk: { summary: 'show who said what to whom', load: () => import('./talk.js') },
  why: { summary: 'show what an event came about through', load: () => import('./why.js') },
  top: { summary: 'show what a hive is doing, live', load: () => import('./top.js') },
  diff: { summary: 'compare two runs of the same task', load: () => import('./diff.js') },
  check: { summary: 'find what went wrong without an error', load: () => import('./check.js') },
  verify: { summary: 'check a log for damage and tampering', load: () => import('./verify.js') },
  stats: { summary: 'count what is in a log', load: () => import('./stats.js') },
  state: { summary: 'show what a hive was after an event', load: () => import('./state.js') },
  replay: {
    summary: 'show events at their own pace, with what they change',
    load: () => import('./replay.js'),
  },
  index: { summary: 'make the index by which states are found', load: () => import('./index.js') },
  audit: { summary: 'show who asked for what, and who decided', load: () => import('./audit.js') },
  pending: { summary: 'show what agents ask people', load: () => import('./pending.js') },
  approve: { summary: 'approve what an agent asks', load: () => import('./approve.js') },
  reject: { summary: 'reject what an agent asks', load: () => import('./reject.js') },
  calls: { summary: 'show which external APIs were called', load: () => import('./calls.js') },
  waits: { summary: 'show what agents waited for', load: () => import('./waits.js') },
  cost: { summary: 'show what model calls used and cost', load: () => import('./cost.js') },
  report: { summary: 'write the page of a log as one file', load: () => import('./report.js') },
  export: { summary: 'send spans to a trace backend, or write a table', load: () => import('./export.js') },
  commit: { summary: 'commit a log to its git repository', load: () => import('./commit.js') },
  pull: { summary: 'get logs back from a store, byte for byte', load: () => import('./pull.js') },
  mcp: { summary: 'answer agents that ask about logs (MCP)', load: () => import('./mcp.js') },
  serve: { summary: 'receive logs of other machines', load: () => import('./serve.js') },
  setup: { summary: 'show the settings of coding agents, or write them', load: () => import('./setup.js') },
  ship: { summary: 'send logs to a server, as exact copies', load: () => import('./ship.js') },
  token: { summary: 'say who may send to a server, and see', load: () => import('./token.js') },
}

function usage(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${pad(name, 10)}${summary}`)
  return `Usage: hivelog COMMAND [OPTIONS] [FILE]

Reads the event logs of hives of agents. FILE is $HIVELOG_FILE or hive.jsonl by
default; --from URL --session S instead: what a store has, see pull.

${rows.join('\n')}

  --help, -h      this text; hivelog help COMMAND: about a command
  --version, -v   the version

Exit code 0: fine; 1: found something wrong; 2: bad use.
Example: hivelog tail -f hive.jsonl
`
}

/** @throws {UsageError} when there is none of this name */
async function commandOf(name: string): Promise<Command> {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (entry === undefined) {
    const meant = nearest(name, Object.keys(COMMANDS))
    const hint = meant === undefined ? '' : `did you mean ${meant}? `
    throw new UsageError(`there is no command '${name}'; ${hint}see hivelog --help`)
  }
  return (await entry.load()).command
}

async function helpOn([name, ...others]: string[]): Promise<string> {
  if (others.length > 0) throw new UsageError('help takes one COMMAND; see hivelog --help')
  return name === undefined || name.startsWith('-') ? usage() : (await commandOf(name)).help
}

async function act([name, ...args]: string[]): Promise<number> {
  const { stdout } = io()
  if (name === undefined) throw new UsageError('no command given; see hivelog --help')
  if (name === '--version' || name === '-v' || name === '-V') {
    stdout.write(`${VERSION}\n`)
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    stdout.write(await helpOn(name === 'help' ? args : []))
    return 0
  }
  const command = await commandOf(name)
  const end = args.indexOf('--')
  const options = end === -1 ? args : args.slice(0, end)
  if (options.includes('--help') || options.includes('-h')) {
    stdout.write(command.help)
    return 0
  }
  return withStore(name, args, (own) => command.run(own))
}

/**
 * Runs the command. Never throws, and never ends the process: what goes wrong is said on standard error.
 * @param argv the arguments after the program's name: a command, its options and files
 * @param own what it reads and writes, and its environment; default: the process's. Relative paths, local time (`TZ`)
 * and what is kept in the user's folders are the process's all the same
 * @returns the exit code: 0 fine, 1 found something wrong, 2 bad use
 */
export function run(argv: string[], own: Io = process): Promise<number> {
  return withIo(own, async () => {
    try {
      return await act(argv)
    } catch (error) {
      say(error instanceof Error ? error.message : String(error))
      return 2
    }
  })
}
