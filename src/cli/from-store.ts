/** `--from URL --session S` in place of FILE, for every command that reads: the logs are pulled first, and it reads those. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from './args.js'
import { say } from './output.js'

/** Commands that read what is in logs, and end. */
const READING = new Set([
  ...['audit', 'calls', 'cat', 'check', 'cost', 'diff', 'export', 'mcp', 'replay'],
  ...['show', 'state', 'stats', 'tail', 'talk', 'verify', 'waits', 'why'],
])

/** What stands for FILE, taken out of the arguments. */
interface Asked {
  from: string
  /** One hive each. */
  sessions: string[]
  args: string[]
}

/**
 * Runs a command on what a store has, where that is asked for.
 * @throws {UsageError} when a store is named and no session, or for a command that can do nothing with it
 */
export async function withStore(
  name: string,
  args: string[],
  run: (args: string[]) => Promise<number>,
): Promise<number> {
  const asked = READING.has(name) ? askedOf(args) : undefined
  if (asked === undefined) return run(args)
  const { from, sessions } = asked
  if (sessions.length === 0)
    throw new UsageError(`--from ${from} needs --session S: whose logs; see hivelog pull --help`)
  if (name === 'tail' && asked.args.some((arg) => /^(?:-[a-z]*f|-F|--follow)/.test(arg)))
    throw new UsageError('tail follows a file, and what a store has is no file that grows; leave out -f')
  // Loaded here: most runs read files.
  const { isWhole, pullLogs, troublesOf } = await import('./pull.js')
  const { onExit } = await import('../format/on-exit.js')
  const folder = await mkdtemp(join(tmpdir(), 'hivelog-pull-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const forget = onExit(remove)
  try {
    const files: string[] = []
    let isAll = true
    for (const [i, session] of sessions.entries()) {
      const logs = await pullLogs(
        { from, session },
        sessions.length === 1 ? folder : join(folder, String(i + 1)),
      )
      if (logs.length === 0) return 2
      for (const each of logs.flatMap(troublesOf)) say(each)
      isAll &&= logs.every(isWhole)
      // The logs of child processes are found beside.
      files.push(...logs.map(({ file }) => file).filter((file) => !/\.jsonl\.agents[\\/]/.test(file)))
    }
    const code = await run([...asked.args, ...files])
    return code === 0 && !isAll ? 1 : code
  } finally {
    forget()
    remove()
  }
}

/** Undefined: no store is named. `--from` is a place in the log, too. */
function askedOf(args: readonly string[]): Asked | undefined {
  const end = args.indexOf('--')
  const left: string[] = []
  const sessions: string[] = []
  let from: string | undefined
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    const [, option, given] = /^--(from|session)(?:=(.*))?$/s.exec(arg) ?? []
    const value = given ?? args[i + 1]
    const isOurs = option === 'session' || (option === 'from' && /^https?:\/\//.test(value ?? ''))
    if ((end !== -1 && i >= end) || !isOurs) {
      left.push(arg)
      continue
    }
    if (value === undefined || value === '') throw new UsageError(`--${option} needs a value`)
    if (option === 'from') from = value
    else sessions.push(value)
    if (given === undefined) i++
  }
  if (from === undefined) return undefined
  if (!URL.canParse(from))
    throw new UsageError(`--from needs a URL, http://127.0.0.1:9428 say, not '${from}'`)
  return { from, sessions, args: left }
}
