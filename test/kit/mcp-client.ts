/** The protocol's own client, connected to this server: over HTTP, or to a process over its input and output. */
import assert from 'node:assert/strict'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { mcpRoutes } from '../../src/mcp/routes.js'
import { type ServeOptions, serve } from '../../src/serve/server.js'
import { defer, type Ending } from './hive-support.js'
import { MAIN } from './reader-cli.js'

/** What a tool answered. */
export interface Told {
  logs: { id: string; name: string }[]
  total: number
  totals?: Record<string, number>
  shown: number
  truncated: boolean
  cursor?: string
  cut?: boolean
  changed?: boolean
  untrusted: string[]
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at
  report: Record<string, any>
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at
  items: Record<string, any>[]
}

export interface Agent {
  client: Client
  /** Bytes of the last result as JSON. */
  bytes: number
  /** The text of the last result. */
  text: string
  /** A tool's answer, which is no error. */
  ask(tool: string, given?: object): Promise<Told>
  /** The one line of a tool's error. */
  refused(tool: string, given?: object): Promise<string>
  /** All items of an answer, asked for piece by piece. */
  all(tool: string, given?: object): Promise<Told>
}

export function agentOf(client: Client): Agent {
  const agent: Agent = {
    client,
    bytes: 0,
    text: '',
    async ask(tool, given = {}) {
      const result = await call(tool, given)
      assert.notEqual(result.isError, true, `${tool} ${JSON.stringify(given)}: ${agent.text}`)
      return result.structuredContent as unknown as Told
    },
    async refused(tool, given = {}) {
      const result = await call(tool, given)
      assert.equal(result.isError, true, `${tool} ${JSON.stringify(given)}: ${agent.text.slice(0, 200)}`)
      assert.ok(!agent.text.includes('\n'), agent.text)
      return agent.text
    },
    async all(tool, given = {}) {
      const first = await agent.ask(tool, given)
      const items = [...first.items]
      for (let { cursor } = first; cursor !== undefined; ) {
        const next: Told = await agent.ask(tool, { ...given, cursor })
        assert.equal(next.total, first.total)
        assert.notEqual(next.cursor, cursor, `${tool} goes on`)
        items.push(...next.items)
        cursor = next.cursor
      }
      return { ...first, items }
    },
  }
  const call = async (name: string, given: object) => {
    for (;;) {
      const result = await client.callTool({ name, arguments: given as Record<string, unknown> })
      agent.bytes = Buffer.byteLength(JSON.stringify(result))
      agent.text = (result.content[0] as { text: string }).text
      // A busy machine reads slowly.
      if (result.isError !== true || !/^the (?:log|answer) is still being /.test(agent.text)) return result
    }
  }
  return agent
}

const newClient = (era: 'auto' | 'legacy' = 'legacy'): Client =>
  new Client({ name: 'test', version: '1' }, era === 'auto' ? { versionNegotiation: { mode: 'auto' } } : {})

/** A server that shows these logs, and an agent that asks it over HTTP. */
export async function httpAgent(
  t: Ending,
  options: Omit<ServeOptions, 'store'> & { store?: string },
  era?: 'auto',
): Promise<Agent & { url: string; token: string }> {
  const server = await serve({ port: 0, doors: [mcpRoutes], ...options })
  defer(t, () => server.close())
  const client = newClient(era)
  const token = server.token ?? ''
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  )
  defer(t, () => client.close())
  return Object.assign(agentOf(client), { url: server.url, token })
}

/** A process `hivelog mcp …`, and an agent that asks it. */
export async function stdioAgent(
  t: Ending,
  args: readonly string[],
  { era, env = {}, cwd }: { era?: 'auto'; env?: Record<string, string>; cwd?: string } = {},
): Promise<Agent & { transport: StdioClientTransport }> {
  const client = newClient(era)
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'mcp', ...args],
    env: { TZ: 'UTC', ...env },
    stderr: 'pipe',
    ...(cwd !== undefined && { cwd }),
  })
  await client.connect(transport)
  defer(t, () => client.close())
  return Object.assign(agentOf(client), { transport })
}
