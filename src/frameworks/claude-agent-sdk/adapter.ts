/**
 * Claude Agent SDK: it runs Claude Code as a child process, and speaks with it in lines of JSON. What goes over these
 * pipes is read beside the SDK: sub-agents, tools, hooks of the application's, permissions asked for and given, live.
 * The tokens of each answer are not there: Claude Code's own logs have them, which are sent to a receiver on loopback, by
 * variables in the environment of that child alone; they hold no contents. Where that telemetry is somebody's, nothing
 * is added: the tokens are read from the transcripts that Claude Code keeps.
 */

import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { isList, readField } from '../../format/fields.js'
import { quietly } from '../reading.js'
import type { Adapter, Stage } from '../stage.js'
import { JsonLines } from './json-lines.js'
import { LogReceiver } from './log-receiver.js'
import { Session } from './session.js'
import { isTheirs, logsTo } from './telemetry.js'

const NAME = 'Claude Agent SDK'

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const receiver = new LogReceiver()
    subscribe('child_process', (message) => {
      stage.tell(NAME, () => meet(readField(message, 'process') as Child, stage, receiver))
    })
  },
}

/** What `ChildProcess.spawn` of Node takes, as far as it matters. */
interface SpawnOptions {
  args?: unknown
  envPairs?: unknown
  cwd?: unknown
}

type Child = ChildProcess & { spawn?: (options: SpawnOptions) => unknown }

/** The child is made; what it runs is said when it is spawned. */
function meet(child: Child, stage: Stage, receiver: LogReceiver): void {
  const { spawn } = child
  if (typeof spawn !== 'function') return
  child.spawn = (options) => {
    delete child.spawn
    const run = quietly(NAME, () => (isClaude(options.args) ? begin(options, stage, receiver) : undefined))
    if (run === undefined) return spawn.call(child, options)
    const result = spawn.call(child, run.options)
    quietly(NAME, () => listen(child, run.session, stage, receiver))
    return result
  }
}

function begin(options: SpawnOptions, stage: Stage, receiver: LogReceiver) {
  const { args, cwd } = options
  const environment = isList(options.envPairs) ? options.envPairs.map(String) : undefined
  const session = new Session(stage, environment)
  const folder = typeof cwd === 'string' ? cwd : process.cwd()
  if (environment === undefined || isTheirs(environment, (args as unknown[]).map(String), folder)) {
    session.other = 'transcripts'
    return { session, options }
  }
  session.other = 'logs'
  const envPairs = [...environment, ...logsTo(receiver.urlFor(session))]
  return { session, options: { ...options, envPairs } }
}

/** Claude Code, with a program at both ends of its pipes. */
function isClaude(args: unknown): boolean {
  if (!isList(args)) return false
  const words = args.slice(0, 200).map(String)
  const speaks = (option: string): boolean =>
    words.some(
      (word, i) => word === `${option}=stream-json` || (word === option && words[i + 1] === 'stream-json'),
    )
  return (
    speaks('--output-format') &&
    speaks('--input-format') &&
    words.slice(0, 10).some((word) => /claude/i.test(word))
  )
}

/** Reads beside the SDK what comes and goes: no piece is held up, and the streams flow when their reader likes. */
function listen(child: ChildProcess, session: Session, stage: Stage, receiver: LogReceiver): void {
  const { stdin, stdout } = child
  if (stdout !== null) {
    const { push } = stdout
    const lines = new JsonLines((message) => stage.tell(NAME, () => session.output(message)))
    stdout.push = (chunk, encoding) => {
      const result = push.call(stdout, chunk, encoding)
      if (chunk !== null) lines.add(chunk)
      return result
    }
  }
  if (stdin !== null) {
    const { write } = stdin
    const lines = new JsonLines((message) => stage.tell(NAME, () => session.input(message)))
    stdin.write = (...given: unknown[]) => {
      lines.add(given[0])
      return Reflect.apply(write, stdin, given)
    }
  }
  child.once('exit', (code, signal) => {
    // What is on its way in the pipes and on loopback.
    setTimeout(() => {
      receiver.forget(session)
      quietly(NAME, () => session.end(code, signal))
    }, EXIT_MS)
  })
}

const EXIT_MS = 20
