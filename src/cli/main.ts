#!/usr/bin/env node
/** The `hivelog` command: finds the subcommand, and turns what it throws into one line and an exit code. */
import { VERSION } from '../version.js'
import { type Command, UsageError } from './args.js'
import { nearest } from './nearest.js'
import { endWithReader, say } from './output.js'
import { pad } from './text.js'

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
  audit: { summary: 'show who asked for what, and who decided', load: () => import('./audit.js') },
  calls: { summary: 'show which external APIs were called', load: () => import('./calls.js') },
  waits: { summary: 'show what agents waited for', load: () => import('./waits.js') },
  cost: { summary: 'show what model calls used and cost', load: () => import('./cost.js') },
  export: { summary: 'send spans to a trace backend, or write a table', load: () => import('./export.js') },
  commit: { summary: 'commit a log to its git repository', load: () => import('./commit.js') },
}

function usage(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${pad(name, 10)}${summary}`)
  return `Usage: hivelog COMMAND [OPTIONS] [FILE]

Reads the event logs of hives of agents. FILE is $HIVELOG_FILE or hive.jsonl by
default.

${rows.join('\n')}

  --help      this text; hivelog COMMAND --help for a command
  --version   the version

Exit code 0: fine; 1: found something wrong; 2: bad use.
Example: hivelog tail -f hive.jsonl
`
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage())
    return 0
  }
  if (name === undefined) throw new UsageError('no command given; see hivelog --help')
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (entry === undefined) {
    const meant = nearest(name, Object.keys(COMMANDS))
    const hint = meant === undefined ? '' : `did you mean ${meant}? `
    throw new UsageError(`there is no command '${name}'; ${hint}see hivelog --help`)
  }
  const { command } = await entry.load()
  const end = args.indexOf('--')
  const options = end === -1 ? args : args.slice(0, end)
  if (options.includes('--help') || options.includes('-h')) {
    process.stdout.write(command.help)
    return 0
  }
  return command.run(args)
}

endWithReader()
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
