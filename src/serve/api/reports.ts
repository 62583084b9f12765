/** The JSON of the commands, of a hive: made by the same functions, so that both say the same. */
import { SHOWN_CONTEXT } from '../../analyse/audit/report.js'
import { auditTrail } from '../../analyse/audit.js'
import { callReport } from '../../analyse/calls.js'
import { parseConfig, Settings } from '../../analyse/check/settings.js'
import { checkAnswer, configBeside } from '../../analyse/check/verdict.js'
import { checkWith } from '../../analyse/check.js'
import { costReport } from '../../analyse/cost.js'
import { diffLogs } from '../../analyse/diff.js'
import { COST_KEYS } from '../../analyse/options.js'
import type { HiveSelection } from '../../analyse/reading.js'
import { showEvent } from '../../analyse/show.js'
import { statsReport } from '../../analyse/stats.js'
import { talkBetween, talkPartners } from '../../analyse/talk.js'
import { waitReport } from '../../analyse/waits.js'
import { whyEvent } from '../../analyse/why.js'
import { openFile } from '../../disk/open.js'
import { HttpError } from '../http.js'
import type { Route } from '../router.js'
import { agentAnswer } from './agent-answer.js'
import { type Beside, besideOf, besideShow } from './beside.js'
import { type HiveAsked, type HiveParts, hiveRoute, noSuchLog } from './hive-routes.js'
import type { HiveView } from './hive-view.js'
import { numberIn, oneIn, textIn, timeIn } from './query.js'
import { readable } from './readable.js'
import { verifyHive } from './verify-hive.js'
import type { Work } from './work.js'

const MAX_CONFIG = 1024 * 1024

type Report = (file: string, selection: HiveSelection, asked: Pick<HiveAsked, 'query'>) => Promise<object>

/** Of one hive, by the name of the command that prints the same. */
export const REPORTS = {
  audit: (file, selection, { query }) => {
    const options = {
      id: textIn(query, 'id'),
      match: textIn(query, 'match'),
      agent: textIn(query, 'agent'),
      by: textIn(query, 'by'),
    }
    const pending = oneIn(query, 'pending', ['true', 'false']) === 'true'
    return auditTrail([file], { ...defined(options), pending, ...selection, context: SHOWN_CONTEXT })
  },
  cost: (file, selection, { query }) =>
    costReport([file], { ...selection, by: oneIn(query, 'by', COST_KEYS) ?? 'agent' }),
  calls: (file, selection, { query }) => {
    const by = oneIn(query, 'by', ['host', 'path', 'agent', 'status', 'tool']) ?? 'host'
    return callReport([file], { ...selection, by })
  },
  waits: (file, selection, { query }) => {
    const by = oneIn(query, 'by', ['resource', 'agent', 'holder', 'pair']) ?? 'resource'
    return waitReport([file], { ...selection, by })
  },
  stats: (file, selection) => statsReport([file], selection),
  verify: (file) => verifyHive(file),
  check: async (file, selection) => {
    const config = configBeside(file)
    const settings = new Settings()
    if (config !== undefined) settings.apply(parseConfig(await textOf(config), config), config)
    return checkAnswer(file, await checkWith([file], settings, selection), 'error', config)
  },
  talk: (file, selection, { query }) => {
    const a = textIn(query, 'a')
    const b = textIn(query, 'b')
    const limit = numberIn(query, 'limit', { min: 1, max: 100_000 })
    if (a === undefined) throw new HttpError(400, 'talk needs a, the id of an agent, and can have b')
    if (b === undefined) return talkPartners([file], a, selection)
    return talkBetween([file], a, b, { ...selection, ...(limit !== undefined && { limit }) })
  },
} satisfies Record<string, Report>

export interface ReportParts extends HiveParts {
  work: Work
}

export function reportRoutes(parts: ReportParts): Route[] {
  const { work, catalogue } = parts
  const reports = Object.entries<Report>(REPORTS).map(([name, report]) =>
    hiveRoute(parts, `/${name}`, async (asked) => {
      const { known, query } = asked
      const selection = defined({ since: timeIn(query, 'since'), until: timeIn(query, 'until') })
      const question = `${name} ${[...query].map((each) => JSON.stringify(each)).sort()}`
      const json = await work.answer(
        [known.file],
        question,
        () => report(known.file, selection, asked),
        besideOf(name, known.file),
      )
      return sent(asked, json)
    }),
  )
  const ofEvent = <T extends object>(
    name: string,
    report: (file: string, what: Named) => Promise<T>,
    beside?: (report: T) => Beside,
  ): Route =>
    hiveRoute(parts, `/${name}/{position}`, async (asked) => {
      const { known, rest } = asked
      const what = await named(asked.view, rest[0] as string)
      return sent(
        asked,
        await work.answer([known.file], `${name} ${what.query}`, () => report(known.file, what), beside),
      )
    })
  return [
    ...reports,
    hiveRoute(parts, '/agent/{agentId}', async ({ known, view, rest: [id = ''] }) => {
      const content = await view.content()
      const partners = await work.answer([known.file], `partners ${id}`, () => talkPartners([known.file], id))
      return agentAnswer(content, id, JSON.parse(partners))
    }),
    ofEvent('event', (file, { query, ...reading }) => showEvent([file], query, reading), besideShow),
    ofEvent('why', (file, { query, ...reading }) => whyEvent([file], query, reading)),
    {
      method: 'GET',
      path: '/api/compare',
      scope: 'read',
      async run(asked) {
        const [a, b] = ['a', 'b'].map((name) => textIn(asked.query, name))
        if (a === undefined || b === undefined)
          throw new HttpError(400, 'compare needs a and b, ids of two logs')
        const [one, other] = [await catalogue.find(a), await catalogue.find(b)]
        if (one === undefined || other === undefined) throw noSuchLog()
        const json = await readable(one.file, () =>
          work.answer([one.file, other.file], 'compare', () => diffLogs(one.file, other.file)),
        )
        return sent(asked, json)
      },
    },
  ]
}

/** How an event is named for `show` and `why`. */
export interface Named {
  query: string
  /** In a hive of several logs, that in which it stands. */
  log?: string
}

/** @throws {HttpError} when there is no event at that position */
export async function named(view: Pick<HiveView, 'content'>, text: string): Promise<Named> {
  const content = await view.content()
  const { rows } = content
  const position = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  const row = position > 0 ? rows.positions.rowOf(position) : -1
  if (row === -1) throw new HttpError(404, 'there is no event at that position')
  if (!content.isSeveral && rows.isOwnSeq(row)) return { query: String(position) }
  const [placed] = await content.placed([row])
  const { file, line } = placed as NonNullable<typeof placed>
  const { log } = rows.segments.get(rows.place(row).segment)
  return { query: `${file}:${line}`, ...(content.isSeveral && { log }) }
}

/** Of a small file. @throws when it is none */
async function textOf(path: string): Promise<string> {
  const handle = await openFile(path)
  try {
    const { size } = await handle.stat()
    if (size > MAX_CONFIG) throw new HttpError(503, `${path} is too large to be settings`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Sends JSON that is text already. */
function sent({ response }: Pick<HiveAsked, 'response'>, json: string): undefined {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(json)
}

/** Without what is not given. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
