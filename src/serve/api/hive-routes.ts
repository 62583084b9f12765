/** `GET /api/logs…`: what the server knows, and what is in a hive (docs/api.md). */
import { basename } from 'node:path'
import { stateAnswer } from '../../analyse/replay.js'
import { HttpError } from '../http.js'
import type { Asked, Route } from '../router.js'
import type { Catalogue, Known } from './catalogue.js'
import type { Content } from './content.js'
import { density } from './density.js'
import { eventPage } from './events-page.js'
import { segmentsOf, sendArtifact, sendRaw } from './files.js'
import type { HiveView } from './hive-view.js'
import type { Hives } from './hives.js'
import { lanes } from './lanes.js'
import type { Live } from './live.js'
import { positionOf } from './position.js'
import { numberIn, oneIn, textIn } from './query.js'
import { readable } from './readable.js'
import type { LogOverview, StateAnswer } from './shapes.js'

export interface HiveParts {
  catalogue: Catalogue
  hives: Hives
  live: Live
}

/** What a route of one hive is given. */
export interface HiveAsked extends Asked {
  known: Known
  /** The hive, which may still be being read. */
  view: HiveView
  /** What stands in the path's further groups. */
  rest: readonly string[]
}

/** `/api/logs/{id}/…` as a pattern, with a group for each `{…}`. */
export const pattern = (template: string): RegExp =>
  new RegExp(template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '([^/]{1,1000})'))

/** A route of one hive. @param template the path after `/api/logs/{id}` */
export function hiveRoute(
  { catalogue, hives }: HiveParts,
  template: string,
  run: (asked: HiveAsked) => Promise<object | undefined>,
): Route {
  return {
    method: 'GET',
    path: pattern(`/api/logs/{id}${template}`),
    scope: 'read',
    async run(asked) {
      const [id = '', ...rest] = asked.params
      const known = await catalogue.find(id)
      if (known === undefined) throw noSuchLog()
      return readable(known.file, () => run({ ...asked, known, view: hives.open(known.file), rest }))
    },
  }
}

export const noSuchLog = (): HttpError =>
  new HttpError(404, 'there is no log of that id; GET /api/logs lists them')

/** The catalogue, and what a page shows first of a hive. */
export function hiveRoutes(parts: HiveParts): Route[] {
  const { catalogue, live } = parts
  return [
    {
      method: 'GET',
      path: '/api/logs',
      scope: 'read',
      run: ({ query }) =>
        catalogue.page(
          textIn(query, 'text') ?? '',
          numberIn(query, 'limit', { min: 1, max: 1000 }) ?? 200,
          numberIn(query, 'cursor') ?? 0,
        ),
    },
    {
      method: 'GET',
      path: '/api/live',
      scope: 'read',
      run({ response }) {
        live.logs(catalogue, response)
        return undefined
      },
    },
    hiveRoute(parts, '', ({ known, view }) => overview(parts, known, view)),
    hiveRoute(parts, '/events', async ({ view, query }) => eventPage(await view.content(), query)),
    hiveRoute(parts, '/position', async ({ view, query }) => positionOf(await view.content(), query)),
    hiveRoute(parts, '/floor', ({ view, query }) =>
      view.floor(numberIn(query, 'at'), oneIn(query, 'brief', ['1']) === '1'),
    ),
    hiveRoute(parts, '/state', async ({ known, view, query }): Promise<StateAnswer> => {
      const { state, position } = await view.state(numberIn(query, 'at'))
      return { ...stateAnswer(known.file, state), position }
    }),
    hiveRoute(parts, '/density', async ({ view, query }) => density(await view.content(), query)),
    hiveRoute(parts, '/lanes', async ({ view, query }) => lanes(await view.content(), query)),
    hiveRoute(parts, '/artifact/{sha256}', sendArtifact),
    hiveRoute(parts, '/segments', segmentsOf),
    hiveRoute(parts, '/raw', sendRaw),
    hiveRoute(parts, '/live', async ({ view, query, request, response }) => {
      await live.hive(view, query, request, response)
      return undefined
    }),
  ]
}

async function overview({ catalogue }: HiveParts, known: Known, view: HiveView): Promise<LogOverview> {
  const content = await view.content()
  const entry = await catalogue.entry(known.id)
  if (entry === undefined) throw noSuchLog()
  const { rows, now, sealed } = content
  const { model } = now
  return {
    ...entry,
    first: rows.positions.first,
    last: rows.positions.last,
    events: rows.events,
    malformed: model.malformedLines,
    lost: model.lostEvents,
    logs: logsOf(content, known.file),
    kinds: rows.counts(),
    ...(sealed !== undefined && { sealed }),
  }
}

function logsOf({ now }: Content, file: string): LogOverview['logs'] {
  return [...now.model.logs.values()].map(({ name = file, seq, isForeign }) => ({
    log: name,
    file: basename(name),
    ...(isForeign !== true && { seq }),
    foreign: isForeign === true,
  }))
}
