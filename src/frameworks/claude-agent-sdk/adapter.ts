/**
 * Claude Agent SDK: it runs Claude Code as a child process, and speaks with it in lines of JSON. What goes over these
 * pipes is read beside the SDK: sub-agents, tools, permissions asked for and given, live. The tokens of each model call
 * are only in Claude Code's own telemetry: its logs are sent to a receiver on loopback, by variables in the
 * environment of that child alone; they hold no contents. Where the user has set up that telemetry, or another
 * exporter of OpenTelemetry by the environment, nothing is added, and calls are recorded without output tokens.
 */

import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { isList, readField } from '../../format/fields.js'
import { quietly } from '../reading.js'
import type { Adapter, Stage } from '../stage.js'
import { JsonLines } from './json-lines.js'
import { LogReceiver } from './log-receiver.js'
import { Session } from './session.js'

const NAME = 'Claude Agent SDK'

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const receiver = new LogReceiver()
    subscribe('child_process', (message) => {
      if (!stage.hive.isOver)
        quietly(NAME, () => meet(readField(message, 'process') as Child, stage, receiver))
    })
  },
}

/** What `ChildProcess.spawn` of Node takes, as far as it matters. */
interface SpawnOptions {
  args?: unknown
  envPairs?: unknown
}

type Child = ChildProcess & { spawn?: (options: SpawnOptions) => unknown }

/** The child is made; what it runs is said when it is spawned. */
function meet(child: Child, stage: Stage, receiver: LogReceiver): void {
  const { spawn } = child
  if (typeof spawn !== 'function') return
  child.spawn = (options) => {
    delete child.spawn
    const session = quietly(NAME, () => (isClaude(options.args) ? new Session(stage) : undefined))
    if (session === undefined) return spawn.call(child, options)
    const added = quietly(NAME, () => telemetryFor(options.envPairs, receiver, session))
    session.hasLogs = added !== undefined
    const result = spawn.call(
      child,
      added === undefined ? options : { ...options, envPairs: [...(options.envPairs as string[]), ...added] },
    )
    quietly(NAME, () => listen(child, session, receiver))
    return result
  }
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

/** With one of these the user has decided what is exported, or would send more than without us. */
const TAKEN =
  /^(?:CLAUDE_CODE_ENABLE_TELEMETRY|CLAUDE_CODE_ENHANCED_TELEMETRY_BETA|OTEL_(?:LOGS|METRICS|TRACES)_EXPORTER|OTEL_EXPORTER_OTLP_LOGS_\w+|OTEL_SDK_DISABLED|OTEL_LOGS_EXPORT_INTERVAL)=/

/** Claude Code writes its logs every so many milliseconds. */
const EXPORT_MS = 5

/** The variables that have Claude Code's logs sent here; `undefined` when that is not ours to decide. */
function telemetryFor(pairs: unknown, receiver: LogReceiver, session: Session): string[] | undefined {
  if (!isList(pairs) || pairs.some((pair) => TAKEN.test(String(pair)))) return undefined
  const url = receiver.urlFor(session)
  return [
    'CLAUDE_CODE_ENABLE_TELEMETRY=1',
    'OTEL_LOGS_EXPORTER=otlp',
    'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json',
    `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=${url}`,
    `OTEL_LOGS_EXPORT_INTERVAL=${EXPORT_MS}`,
  ]
}

/** Reads beside the SDK what comes and goes: no piece is held up, and the streams flow when their reader likes. */
function listen(child: ChildProcess, session: Session, receiver: LogReceiver): void {
  const { stdin, stdout } = child
  if (stdout !== null) {
    const { push } = stdout
    const lines = new JsonLines((message) => quietly(NAME, () => session.output(message)))
    stdout.push = (chunk, encoding) => {
      const result = push.call(stdout, chunk, encoding)
      if (chunk !== null) lines.add(chunk)
      return result
    }
  }
  if (stdin !== null) {
    const { write } = stdin
    const lines = new JsonLines((message) => quietly(NAME, () => session.input(message)))
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
