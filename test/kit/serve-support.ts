/** A server of a test's own, and how it is asked. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type RunningServer, serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { defer, eventsOf, type Line, packageRoot, tempFolder } from './hive-support.js'

/** @param scopes of a stored token of its own. Default: the token that it makes for its run */
export async function tempServer(
  t: TestContext,
  store: string = join(tempFolder(t), 'store'),
  scopes?: ('ingest' | 'read' | 'decide')[],
): Promise<RunningServer & { token: string }> {
  const stored = scopes && new Tokens(join(store, 'tokens.json')).add('test', scopes)
  const server = await serve({ store, port: 0 })
  defer(t, () => server.close())
  return { ...server, token: (stored ?? server.token) as string }
}

export interface Answer {
  status: number
  headers: Headers
  bytes: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at
  json(): any
}

/** A connection of its own each time: `fetch` may never answer for one whose server was killed. */
export function send(
  { url, token }: { url: string; token: string | undefined },
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const given = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }
    const asked = request(`${url}${path}`, { method: 'POST', agent: false, headers: given }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(response.headers as Record<string, string>),
          bytes,
          json: () => JSON.parse(bytes.toString('utf8')),
        })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Lines of a session's log without those of the journal's own. */
export const linesOf = ({ store }: { store: string }, session: string): Line[] =>
  eventsOf(logOf({ store }, session)).filter(({ kind }) => !kind.startsWith('log.'))

/** The same where a line may be there in part: a kill or a full disk cut it off, and the log goes on behind it. */
export const wholeLinesOf = ({ store }: { store: string }, session: string): Record<string, unknown>[] =>
  readFileSync(logOf({ store }, session), 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>]
      } catch {
        return []
      }
    })
    .filter(({ kind }) => !String(kind).startsWith('log.'))

export const logOf = ({ store }: { store: string }, session: string): string =>
  join(store, session, 'events.jsonl')

/** Attributes as the protocol has them. */
export const pairs = (values: Record<string, unknown>): object[] =>
  Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }))

function anyValue(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return { kvlistValue: { values: pairs(value as Record<string, unknown>) } }
}

/** A request of log records, each of which names what differs. */
export const logsRequest = (
  records: readonly { name?: string; ts?: number; body?: unknown; attributes?: Record<string, unknown> }[],
  resource: Record<string, unknown> = {},
  scope = 'test',
): string =>
  JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: pairs(resource) },
        scopeLogs: [
          {
            scope: { name: scope },
            logRecords: records.map(({ name, ts = 1_700_000_000_000, body, attributes = {}, ...more }) => ({
              ...more,
              timeUnixNano: `${ts}000000`,
              ...(name !== undefined && { eventName: name }),
              ...(body !== undefined && { body: anyValue(body) }),
              attributes: pairs(attributes),
            })),
          },
        ],
      },
    ],
  })

export interface SpanGiven {
  id: string
  parent?: string
  trace?: string
  name: string
  /** Epoch milliseconds of start and end. */
  from: number
  to: number
  attributes?: Record<string, unknown>
  events?: { name: string; ts: number; attributes: Record<string, unknown> }[]
  error?: string
}

export const TRACE = '0af7651916cd43dd8448eb211c80319c'

export const spansRequest = (
  spans: readonly SpanGiven[],
  resource: Record<string, unknown> = { 'service.name': 'shop' },
): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: pairs(resource) },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: spans.map(
              ({ id, parent, trace = TRACE, name, from, to, attributes = {}, events = [], error }) => ({
                traceId: trace,
                spanId: id,
                ...(parent !== undefined && { parentSpanId: parent }),
                name,
                kind: 1,
                startTimeUnixNano: `${from}000000`,
                endTimeUnixNano: `${to}000000`,
                attributes: pairs(attributes),
                events: events.map((event) => ({
                  name: event.name,
                  timeUnixNano: `${event.ts}000000`,
                  attributes: pairs(event.attributes),
                })),
                status: error === undefined ? {} : { code: 2, message: error },
              }),
            ),
          },
        ],
      },
    ],
  })

/** A file of test/fixtures/coding-agents. */
export const recorded = (name: string): string =>
  fileURLToPath(new URL(`test/fixtures/coding-agents/${name}`, `file://${packageRoot()}/`))
