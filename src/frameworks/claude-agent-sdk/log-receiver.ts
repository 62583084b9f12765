/**
 * Takes in the logs of Claude Code on loopback (OTLP/HTTP, JSON). It listens only when there is a child that sends
 * some, keeps no process alive, and each child has an address of its own that nobody can guess.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { createServer as createProbe } from 'node:net'
import { diag } from '@opentelemetry/api'
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import { itemsIn, quietly, textIn } from '../reading.js'

const require = createRequire(import.meta.url)

export interface LogTaker {
  /** @param attributes by name */
  log(name: string, attributes: Record<string, unknown>): void
}

/** Bytes of a request. Claude Code's have some kilobytes. */
const MAX_BODY = 4 * 1024 * 1024

export class LogReceiver {
  #server: Server | undefined
  #port = 0
  #takers = new Map<string, LogTaker>()

  /** The address for one child's logs. */
  urlFor(taker: LogTaker): string {
    this.#listen()
    const token = randomBytes(16).toString('hex')
    this.#takers.set(token, taker)
    return `http://127.0.0.1:${this.#port}/${token}/v1/logs`
  }

  /** Nothing comes any more for this taker. */
  forget(taker: LogTaker): void {
    for (const [token, each] of this.#takers) if (each === taker) this.#takers.delete(token)
  }

  #listen(): void {
    if (this.#server !== undefined) return
    // The port has to be known now, and Node tells it at once only of a socket that is bound to no address.
    const probe = createProbe().listen(0)
    const address = probe.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    probe.close()
    // Few processes have a child that sends logs, and it takes milliseconds to load.
    const { createServer } = require('node:http') as typeof import('node:http')
    const server = createServer((request, response) => this.#take(request, response))
    server.on('connection', (socket) => socket.unref())
    server.on('error', (error) => {
      diag.warn(`hivelog: Claude Code's logs are not received, its calls lack tokens: ${brief(error)}`)
    })
    server.listen(this.#port, '127.0.0.1').unref()
    this.#server = server
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const taker = this.#takers.get(request.url?.split('/', 2)[1] ?? '')
    if (request.method !== 'POST' || taker === undefined) {
      response.writeHead(404).end()
      return
    }
    const pieces: Buffer[] = []
    let size = 0
    request.on('data', (piece: Buffer) => {
      size += piece.length
      if (size <= MAX_BODY) pieces.push(piece)
    })
    request.on('error', () => {})
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      if (size > MAX_BODY) return
      quietly('Claude Code', () => {
        for (const { name, attributes } of logsIn(Buffer.concat(pieces).toString()))
          taker.log(name, attributes)
      })
    })
  }
}

/** The log records in the body of an OTLP request, as JSON; none, of what is no such body. */
export function logsIn(body: string): { name: string; attributes: Record<string, unknown> }[] {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return []
  }
  return itemsIn(json, 'resourceLogs')
    .flatMap((resource) => itemsIn(resource, 'scopeLogs'))
    .flatMap((scope) => itemsIn(scope, 'logRecords'))
    .map((record) => ({
      name: textIn(readField(record, 'body'), 'stringValue') ?? textIn(record, 'eventName') ?? '',
      attributes: Object.fromEntries(
        itemsIn(record, 'attributes').map((each) => [
          textIn(each, 'key') ?? '',
          otlpValue(readField(each, 'value')),
        ]),
      ),
    }))
}

/** A value of OTLP's, as far as Claude Code uses them. */
function otlpValue(value: unknown): unknown {
  const number = readField(value, 'intValue') ?? readField(value, 'doubleValue')
  if (number !== undefined) return Number(number)
  return readField(value, 'stringValue') ?? readField(value, 'boolValue')
}
