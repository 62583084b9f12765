/** A server that shows logs, and logs for it to show. */
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { LogList } from '../../src/serve/api/shapes.js'
import { type RunningServer, type ServeOptions, serve } from '../../src/serve/server.js'
import { defer, packageRoot, tempFolder } from './hive-support.js'
import { cleanUp } from './story.js'

export interface Api {
  server: RunningServer<string | undefined>
  /** Asks, with the run's token. */
  ask(path: string, options?: RequestInit): Promise<Response>
  /** The JSON of an answer with status 200. */
  get<T>(path: string): Promise<T>
  /** Path of the only log of that name, `/api/logs/{id}`. */
  log(name: string): Promise<string>
}

/** A server on a free port that lasts as long as the test. */
export async function tempApi(
  t: TestContext,
  options: Omit<ServeOptions, 'store'> & { store?: string },
): Promise<Api> {
  const server = await serve({ port: 0, ...options })
  defer(t, () => server.close())
  const ask = (path: string, more: RequestInit = {}): Promise<Response> =>
    fetch(server.url + path, {
      ...more,
      headers: { authorization: `Bearer ${server.token}`, ...more.headers },
    })
  const get = async <T>(path: string): Promise<T> => {
    const response = await ask(path)
    const text = await response.text()
    assert.equal(response.status, 200, `${path}: ${text}`)
    return JSON.parse(text) as T
  }
  return {
    server,
    ask,
    get,
    async log(name) {
      const { logs } = await get<LogList>('/api/logs')
      const found = logs.filter((each) => each.name === name)
      assert.equal(found.length, 1, `one log is called ${name}`)
      return `/api/logs/${found[0]?.id}`
    },
  }
}

/** The log of another harness, whose lines carry no `seq`. */
export function foreignLog(folder: string): string {
  const file = join(folder, 'munder.jsonl')
  copyFileSync(join(packageRoot(), 'test', 'fixtures', 'munder-difflin.log.jsonl'), file)
  return file
}

/** A log of a god, its child in another process, and what they asked a person. */
export const familyLog = (folder: string): string => cleanUp(folder).main.file

/** Numbers that look like random ones, the same in every run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state % below
  }
}

const T0 = 1_787_386_181_000

/** A log of so many events of all kinds, with lines that are none among them. */
export function busyLog(folder: string, events: number, name = 'busy.jsonl'): string {
  const next = numbers(7)
  const lines: string[] = []
  const waiting: string[][] = Array.from({ length: 12 }, () => [])
  const asked: string[] = []
  let seq = 0
  const line = (kind: string, fields: object): void => {
    seq++
    lines.push(JSON.stringify({ ts: T0 + seq * 10, kind, ...fields, seq, session: 's-busy' }))
  }
  line('log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
  for (let agent = 0; agent < 12; agent++)
    line('spawn', { agentId: `a${agent}`, name: `Agent ${agent}`, isGod: agent === 0, role: 'works' })
  while (seq < events) {
    const agent = next(12)
    const agentId = `a${agent}`
    const choice = next(20)
    if (choice < 8) {
      const to = next(12)
      line('message', { from: agentId, to: `a${to}`, act: 'request', subject: `No. ${seq}`, id: `m${seq}` })
      if (to !== agent) waiting[to]?.push(`m${seq}`)
    } else if (choice < 11) {
      const ids = waiting[agent]?.splice(0, 1 + next(4)) ?? []
      line('drain', { agentId, count: ids.length, ids })
    } else if (choice < 14)
      line('usage', {
        agentId,
        model: 'm',
        inputTokens: next(900),
        outputTokens: 9,
        costUsd: next(9) / 8,
        ms: 5,
      })
    else if (choice < 16) line('tool', { agentId, name: 'grep', ok: next(9) > 0, ms: next(40) })
    else if (choice === 16) {
      line('escalate', { from: agentId, to: 'human', subject: `May I ${seq}?`, id: `e${seq}` })
      asked.push(`e${seq}`)
    } else if (choice === 17 && asked.length > 0)
      line('approval', { id: asked.shift(), approve: next(2) === 0, by: 'ana', via: 'cli' })
    else if (choice === 18) line('wait', { agentId, resource: 'db', ms: next(30), holder: 'a0' })
    else if (next(10) === 0) line('exit', { agentId, status: 'ok' })
    else if (next(5) === 0) lines.push('no event at all')
    else line('spawn', { agentId, name: `Agent ${agent}`, isGod: agent === 0, role: `role ${next(3)}` })
  }
  const file = join(folder, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

export { tempFolder }
