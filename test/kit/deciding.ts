/** What tests of deciding share: a hive in a process of its own, a server in another, and what they say. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DecisionMade } from '../../src/decide/errors.js'
import type { LogList } from '../../src/serve/api/shapes.js'
import { cleanEnvironment, eventsOf, type Line } from './hive-support.js'
import { MAIN } from './reader-cli.js'

const HIVE = fileURLToPath(new URL('../programs/deciding-hive.js', import.meta.url))

export const approvals = (log: string): Line[] => eventsOf(log).filter(({ kind }) => kind === 'approval')

/** Whether no decision waits beside a log. The draft of a putter that was killed is none. */
export const isTaken = (log: string): boolean =>
  !existsSync(`${log}.decisions`) || !readdirSync(`${log}.decisions`).some((name) => name.endsWith('.json'))

/** Only a broken program takes so long. */
const PATIENCE_MS = 120_000

/** Waits for what another process does. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`within ${PATIENCE_MS} ms it was never so: ${isSo}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}

export interface DecidingHive {
  /** What each agent's promise resolved with, by id. */
  heard: Map<string, DecisionMade>
  /** What the code heard of its decision, by id: nothing, or the one that came before. */
  code: Map<string, DecisionMade | undefined>
  /** Has the code decide. */
  decide(id: string, approve: boolean, by: string): void
  /** Shuts it down. */
  end(): Promise<void>
  kill(): Promise<void>
}

/** A hive that has asked so many times. */
export async function decidingHive(
  t: TestContext,
  log: string,
  count: number,
  env: Record<string, string> = {},
): Promise<DecidingHive> {
  const child = spawn(process.execPath, [HIVE, log, String(count)], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const heard: DecidingHive['heard'] = new Map()
  const code: DecidingHive['code'] = new Map()
  let isAsked = false
  createInterface(child.stdout).on('line', (line) => {
    const said = JSON.parse(line)
    if ('asked' in said) isAsked = true
    else if ('heard' in said) {
      assert.ok(!heard.has(said.heard), `${said.heard} is heard once`)
      heard.set(said.heard, said.decision)
    } else code.set(said.code, said.earlier)
  })
  await until(() => isAsked)
  return {
    heard,
    code,
    decide: (id, approve, by) => void child.stdin.write(`${JSON.stringify({ id, approve, by })}\n`),
    async end() {
      child.stdin.end()
      assert.deepEqual(await exit, [0, null])
    },
    async kill() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

export interface DecidingServer {
  url: string
  port: number
  token: string
  ask(path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>
  /** Path of the only log there. */
  log(): Promise<string>
  kill(): Promise<void>
}

/** `hivelog serve` in a process of its own. @param port of one that was there before */
export async function decidingServer(
  t: TestContext,
  args: readonly string[],
  port = 0,
  token?: string,
): Promise<DecidingServer> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', String(port), '--json', ...args], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const told = JSON.parse(line)
  const bearer = token ?? told.token
  const ask: DecidingServer['ask'] = async (path, body) => {
    const response = await fetch(`${told.url}${path}`, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  return {
    url: told.url,
    port: told.port,
    token: bearer,
    ask,
    async log() {
      const { logs } = (await ask('/api/logs')).body as unknown as LogList
      assert.equal(logs.length, 1)
      return `/api/logs/${logs[0]?.id}`
    },
    async kill() {
      child.kill('SIGKILL')
      await exit
    },
  }
}
