/**
 * Refusals of OTLP over HTTP: each is a `Status` in the encoding of the request, whoever refuses it and why, and one
 * after which the sender tries again only where that may help.
 */
import { HttpError } from '../http.js'
import type { Metrics } from '../metrics.js'
import type { Route } from '../router.js'
import { answerRefused, encodingOf } from './answers.js'
import { RequestError } from './request.js'

/** Who is told what went wrong. */
export interface Telling {
  metrics: Pick<Metrics, 'refused'>
  /** Of what goes wrong inside, a line each. */
  onError(message: string): void
}

export function refusing({ metrics, onError }: Telling): NonNullable<Route['refuse']> {
  return async (request, response, error) => {
    const { status, message, headers } = refusalOf(error)
    metrics.refused(status)
    if (!(error instanceof HttpError || error instanceof RequestError)) onError(error.message)
    const encoding = encodingOf(request.headers['content-type']) ?? 'json'
    await answerRefused(request, response, encoding, { status, message, headers })
  }
}

/** Codes of a disk that may take it later: of the specification's that make a sender try again, 503. */
const LATER: Readonly<Record<string, number>> = {
  ENOSPC: 30,
  EDQUOT: 30,
  EMFILE: 5,
  ENFILE: 5,
  ERR_HIVELOG_NOT_DURABLE: 5,
  ERR_HIVELOG_LOCKED: 5,
}

function refusalOf(error: NodeJS.ErrnoException): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof RequestError) return new HttpError(400, error.message)
  const seconds = LATER[error.code ?? '']
  if (seconds === undefined)
    return new HttpError(500, 'something went wrong here; nothing of this request is stored')
  const message = 'the disk does not take it now; what is not acknowledged may be sent again'
  return new HttpError(503, message, {}, { 'retry-after': String(seconds) })
}
