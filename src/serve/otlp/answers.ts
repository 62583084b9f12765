/** Answers of OTLP over HTTP, in the encoding of the request. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answer, type HttpError, jsonOf, send, sendRefusal } from '../http.js'

export type Encoding = 'json' | 'protobuf'

const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const

/** The encoding that a `content-type` names; `undefined` for another. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return (Object.keys(TYPES) as Encoding[]).find((encoding) => TYPES[encoding] === type)
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
  const body = isWhole ? Buffer.alloc(0) : encodePartialSuccess(rejected, message)
  send(response, 200, body, { 'content-type': TYPES.protobuf })
}

/** As `google.rpc.Status`, of which only the message is used. */
export async function answerRefused(
  request: IncomingMessage,
  response: ServerResponse,
  encoding: Encoding,
  { status, message, headers }: Pick<HttpError, 'status' | 'message' | 'headers'>,
): Promise<void> {
  const body = encoding === 'json' ? jsonOf({ message }) : (await import('./wire.js')).encodeStatus(message)
  sendRefusal(request, response, status, body, { 'content-type': TYPES[encoding], ...headers })
}
