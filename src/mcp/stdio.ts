/** The protocol over standard input and output, for the program that started this one. */
import type { Readable, Writable } from 'node:stream'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import type { Caller } from './call.js'
import { partsFor } from './hives.js'
import { mcpServer } from './server.js'

/** Bytes of one message. */
const MAX_MESSAGE = 1024 * 1024

export interface StdioOptions {
  /** Logs that can be asked about, and folders of such. */
  logs: readonly string[]
  stdin: Readable
  stdout: Writable
  /** Ends it before the input does. */
  until: Promise<unknown>
  /** Is told of what goes wrong, a line each. */
  onError(message: string): void
}

/** Answers until the input ends. */
export async function answerStdio({ logs, stdin, stdout, until, onError }: StdioOptions): Promise<void> {
  const parts = partsFor(logs)
  const caller: Caller = { ...parts, onError }
  const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize: MAX_MESSAGE })
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) stdin.once(event, () => resolve())
    stdout.once('error', () => resolve())
    stdout.once('close', () => resolve())
  })
  const server = serveStdio(() => mcpServer(caller), {
    transport,
    maxSubscriptions: 0,
    onerror: ({ message }) => onError(message),
  })
  await Promise.race([ended, until])
  await server.close()
  await parts.hives.close()
}
