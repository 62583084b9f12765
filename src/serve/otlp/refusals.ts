/**
 * Refusals of OTLP over HTTP: each is a `Status` in the encoding of the request, whoever refuses it and why, and one
 * after which the sender tries again only where that may help.
 */
import { diskTrouble } from '../disk-trouble.js'
import { HttpError, NOT_NOW } from '../http.js'
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

/** Of the codes of the specification that make a sender try again, a full disk has 503 too. */
function refusalOf(error: Error): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof RequestError) return new HttpError(400, error.message)
  const trouble = diskTrouble(error)
  if (trouble === undefined)
    return new HttpError(500, 'something went wrong here; nothing of this request is stored')
  return new HttpError(503, NOT_NOW, {}, { 'retry-after': String(trouble.retryAfter) })
}
