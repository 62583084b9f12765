/** Answers of OTLP over HTTP, in the encoding of the request. */
import type { ServerResponse } from 'node:http'
import { answer } from '../http.js'

export type Encoding = 'json' | 'protobuf'

const PROTOBUF = 'application/x-protobuf'

/** The encoding that a `content-type` names; `undefined` for another. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/json') return 'json'
  return type === PROTOBUF ? 'protobuf' : undefined
}

/** Names of the count of what was rejected, by signal. */
export const REJECTED = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
} as const

/** What was taken of a request, and what was not. */
export interface Outcome {
  rejected: number
  /** Why, for people. Empty when nothing was rejected, and there is nothing else to say. */
  message: string
}

export async function answerTaken(
  response: ServerResponse,
  encoding: Encoding,
  signal: keyof typeof REJECTED,
  { rejected, message }: Outcome,
): Promise<void> {
  const isWhole = rejected === 0 && message === ''
  if (encoding === 'json') {
    const partialSuccess = { [REJECTED[signal]]: String(rejected), errorMessage: message }
    answer(response, 200, isWhole ? {} : { partialSuccess })
    return
  }
  const { encodePartialSuccess } = await import('./wire.js')
  sendBytes(response, 200, isWhole ? Buffer.alloc(0) : encodePartialSuccess(rejected, message), {})
}

export async function answerRefused(
  response: ServerResponse,
  encoding: Encoding,
  status: number,
  message: string,
  headers: Record<string, string>,
): Promise<void> {
  if (encoding === 'json') {
    answer(response, status, { message }, headers)
    return
  }
  const { encodeStatus } = await import('./wire.js')
  sendBytes(response, status, encodeStatus(message), headers)
}

function sendBytes(
  response: ServerResponse,
  status: number,
  bytes: Uint8Array,
  headers: Record<string, string>,
): void {
  response.writeHead(status, {
    'content-type': PROTOBUF,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(bytes)
}
