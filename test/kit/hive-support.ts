/** What the tests of hives and of the OpenTelemetry plug-in share. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { type Hive, type HiveOptions, startHive } from '../../src/index.js'
import { OtlpReceiver, type ReceiverMode } from './otlp-receiver.js'

/** What `defer` needs of a test. */
export type Ending = Pick<TestContext, 'after'>

/** In place of a test, for what all tests of a `describe` share: ends with them. To be called in its body. */
export function wholeSuite(): Ending {
  const undos: (() => unknown)[] = []
  after(async () => {
    for (const undo of undos) await undo()
  })
  return { after: (undo) => void undos.push(undo as () => unknown) }
}

const deferred = new WeakMap<Ending, (() => unknown)[]>()

/** Runs `undo` after the test; what was deferred last comes first. */
export function defer(t: Ending, undo: () => unknown): void {
  const undos = deferred.get(t)
  if (undos !== undefined) {
    undos.push(undo)
    return
  }
  const list = [undo]
  deferred.set(t, list)
  t.after(async () => {
    for (const each of list.reverse()) await each()
  })
}

/** Has a server listen on loopback until the test ends. Resolves to its address, without a slash at the end. */
export async function listening(t: Ending, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A folder of its own, removed after the test. */
export function tempFolder(t: Ending): string {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-'))
  defer(t, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A started hive that is shut down after the test; its log is in a folder of its own if none is named. */
export function tempHive(t: TestContext, options: HiveOptions = {}): { hive: Hive; file: string } {
  const file = typeof options.file === 'string' ? options.file : join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no', ...options })
  defer(t, () => hive.shutdown())
  return { hive, file }
}

/** A trace backend that lasts as long as the test. */
export async function tempReceiver(t: TestContext, mode?: ReceiverMode): Promise<OtlpReceiver> {
  const receiver = await OtlpReceiver.start(mode)
  defer(t, () => receiver.close())
  return receiver
}

export interface Line {
  ts: number
  kind: string
  seq: number
  session: string
  checkpoint?: number
  trace?: string
  span?: string
  [field: string]: unknown
}

/** All lines of a log. */
export function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** The lines of a log that are not the journal's own. */
export const eventsOf = (file: string): Line[] => linesOf(file).filter(({ kind }) => !kind.startsWith('log.'))

/** The one event of a kind. */
export function oneEvent(file: string, kind: string): Line {
  const [event, ...more] = eventsOf(file).filter((each) => each.kind === kind)
  if (event === undefined || more.length > 0) {
    throw new Error(`${more.length + (event ? 1 : 0)} lines are ${kind}, not one`)
  }
  return event
}

/** Takes what is said to the diag logger: warnings and errors. */
export function captureDiag(t: TestContext): string[] {
  const said: string[] = []
  const take = (message: string): void => {
    said.push(message)
  }
  const ignore = (): void => {}
  diag.setLogger(
    { error: take, warn: take, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  defer(t, () => diag.disable())
  return said
}

export interface Ran {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The folder of this package, from wherever in it the tests are compiled to. */
export function packageRoot(): string {
  let folder = fileURLToPath(new URL('.', import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** Path of a compiled fixture. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url))

/** The environment of this process without what would tell a child of a hive or of a trace backend. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(OTEL_|AGENT_|HIVELOG_|TRACEPARENT$|NODE_TEST_CONTEXT$|NODE_OPTIONS$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
}

/** Runs a Node program to its end. */
export function runNode(args: string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/** Resolves when `is` does; rejects after `ms`. */
export async function until(is: () => boolean, what: string, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!is()) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
