/**
 * The protocol over HTTP ("streamable HTTP"), without sessions: each request is answered by itself, and nothing is kept
 * for whoever asks. Host, origin and token were looked at before.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { HttpError, readBody } from '../serve/http.js'
import type { Asked } from '../serve/router.js'
import type { Caller } from './call.js'
import { mcpServer } from './server.js'

/** Questions are short. */
const LIMITS = { sent: 256 * 1024, unpacked: 256 * 1024, ms: 10_000 }
/** Headers that the protocol looks at. */
const HEADERS = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'last-event-id']

/** @param caller what is asked about */
export function httpDoor(caller: Caller): (asked: Asked) => Promise<undefined> {
  const handler = createMcpHandler(() => mcpServer(caller), {
    // Nothing here is told to who has not asked.
    maxSubscriptions: 0,
    keepAliveMs: 0,
  })
  return async ({ request, response }) => {
    const body = await readBody(request, LIMITS)
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const headers = new Headers()
    for (const name of HEADERS) {
      const value = request.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    const asked = new Request('http://localhost/mcp', {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      signal: gone.signal,
    })
    let answer: Response
    try {
      answer = await handler.fetch(asked)
    } catch (error) {
      if (gone.signal.aborted) return undefined
      throw new HttpError(400, `the request cannot be understood: ${(error as Error).message.slice(0, 200)}`)
    }
    response.writeHead(answer.status, {
      ...Object.fromEntries(answer.headers),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    if (answer.body === null) response.end()
    else {
      const sent = Readable.fromWeb(answer.body as ReadableStream)
      // Whoever has gone needs no answer.
      await pipeline(sent, response).catch(() => {})
    }
    return undefined
  }
}
