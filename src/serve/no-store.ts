/** Where there is no store nothing is received: a sender is told so, and not that it got the path wrong. */
import { HOOK_PATH } from './coding-agents/settings.js'
import { HttpError } from './http.js'
import { INGEST_PATH } from './ingest.js'
import { refusing, type Telling } from './otlp/refusals.js'
import { OTLP_PATHS } from './otlp/routes.js'
import type { Route } from './router.js'

/** In place of those that need a store. */
export function noStoreRoutes(telling: Telling): Route[] {
  const route = (method: Route['method'], path: string): Route => ({
    method,
    path,
    scope: 'ingest',
    run: () => {
      throw new HttpError(404, 'this server receives nothing: start it with hivelog serve --store DIR')
    },
  })
  return [
    route('GET', INGEST_PATH),
    route('POST', INGEST_PATH),
    route('POST', HOOK_PATH),
    ...OTLP_PATHS.map((path) => ({ ...route('POST', path), refuse: refusing(telling) })),
  ]
}
