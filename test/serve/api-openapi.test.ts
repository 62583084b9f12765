/** docs/openapi.json is true: it has every route and no other, and real answers are as it says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { mcpRoutes } from '../../src/mcp/routes.js'
import type { EventPage, Floor } from '../../src/serve/api/shapes.js'
import type { Route } from '../../src/serve/router.js'
import { partsOf, routesOf } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { type Api, busyLog, familyLog, foreignLog, tempApi } from '../kit/api-server.js'
import { defer, packageRoot, tempFolder } from '../kit/hive-support.js'
import { SseReader } from '../kit/sse.js'
import { StoryLog } from '../kit/story.js'

interface Operation {
  parameters?: { name: string; in: string }[]
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>
  'x-scope'?: string
}

const document = JSON.parse(readFileSync(join(packageRoot(), 'docs', 'openapi.json'), 'utf8'))
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)
/** The page's own files are no API. */
const isOfApi = ({ path }: Route): boolean => {
  const text = typeof path === 'string' ? path : path.source.replaceAll('\\/', '/')
  return /^\/(api|v1|metrics|healthz)/.test(text)
}

async function routes(t: TestContext): Promise<Route[]> {
  const parts = await partsOf({}, tempFolder(t), new Tokens())
  defer(t, () => parts.hives.close())
  return routesOf(parts, false, [mcpRoutes]).filter(isOfApi)
}

const matches = ({ path }: Route, asked: string): boolean =>
  typeof path === 'string' ? path === asked : path.exec(asked)?.[0] === asked

test('every route is in the document, with what it asks for, and the other way round', async (t) => {
  const all = await routes(t)
  assert.ok(all.length > 25)
  const told = new Set<Route>()
  for (const { path, method, operation } of operations) {
    const asked = path.replaceAll(/\{\w+\}/g, 'a1')
    const found = all.filter((route) => route.method === method && matches(route, asked))
    assert.equal(found.length, 1, `${method} ${path} is answered by one route`)
    const [route] = found as [Route]
    assert.equal(operation['x-scope'], route.scope, `${method} ${path}`)
    told.add(route)
  }
  const untold = all.filter((route) => !told.has(route)).map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(untold, [], 'say in docs/openapi.json what these do')
  for (const { path, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const inPath = (operation.parameters ?? []).filter((each) => each.in === 'path').map(({ name }) => name)
    assert.deepEqual(inPath, named, path)
  }
})

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajv.addSchema(document, 'api')
const compiled = new Map<string, ValidateFunction>()

/** @param where pointer in the document */
function assertValid(where: string, value: unknown): void {
  let validate = compiled.get(where)
  if (validate === undefined) {
    validate = ajv.compile({ $ref: `api#${where}` })
    compiled.set(where, validate)
  }
  const isValid = validate(value)
  assert.ok(isValid, `${where}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value).slice(0, 500)}`)
}

const escaped = (path: string): string => encodeURIComponent(path.replaceAll('~', '~0').replaceAll('/', '~1'))

/** Asks each path of the document that is read and answers JSON, and looks at the answer. */
async function assertAnswers(api: Api, log: string): Promise<void> {
  const { events } = await api.get<EventPage>(`${log}/events?limit=50`)
  const { agents } = await api.get<Floor>(`${log}/floor`)
  const values: Record<string, string> = {
    id: log.split('/').at(-1) as string,
    position: String(events.at(-1)?.position),
    agentId: encodeURIComponent(agents[0]?.agentId as string),
  }
  let asked = 0
  for (const { path, method, operation } of operations) {
    const schema = operation.responses['200']?.content?.['application/json']?.schema
    const isIngest = operation['x-scope'] === 'ingest'
    if (method !== 'GET' || schema === undefined || isIngest) continue
    const target = path.replaceAll(/\{(\w+)\}/g, (_, name) => values[name] as string)
    const queries = QUERIES[path] ?? ['']
    for (const query of queries) {
      const filled = query
        .replaceAll('{id}', values.id as string)
        .replaceAll('{agentId}', values.agentId as string)
      const value = await api.get(target + filled)
      assertValid(`/paths/${escaped(path)}/get/responses/200/content/application~1json/schema`, value)
      asked++
    }
  }
  assert.ok(asked > 25)
}

const QUERIES: Record<string, string[]> = {
  '/api/logs/{id}/events': ['', '?before=20&limit=5', '?at=10', '?kind=message&agent={agentId}'],
  '/api/logs/{id}/floor': ['', '?at=0', '?at=12', '?at=12&brief=1'],
  '/api/logs/{id}/position': ['?seq=3', '?line=2', '?at=4', '?ts=2100-01-01'],
  '/api/logs/{id}/state': ['', '?at=0', '?at=9'],
  '/api/logs/{id}/density': ['', '?agent={agentId}&buckets=7'],
  '/api/logs/{id}/lanes': ['', '?limit=3', '?agent={agentId}'],
  '/api/logs/{id}/talk': ['?a={agentId}', '?a={agentId}&b=human'],
  '/api/compare': ['?a={id}&b={id}'],
}

for (const [name, make] of Object.entries({
  'busy.jsonl': (folder: string) => busyLog(folder, 1_200),
  'hive.jsonl': familyLog,
  'munder.jsonl': foreignLog,
})) {
  test(`${name}: answers are as the document says`, async (t) => {
    const api = await tempApi(t, { logs: [make(tempFolder(t))] })
    await assertAnswers(api, await api.log(name))
  })
}

test('errors, streams, and an agent with all that one can have', async (t) => {
  const log = new StoryLog(join(tempFolder(t), 'full.jsonl'))
  const content = log.artifact('what it looked like')
  log
    .at(0, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: true, parent: 'p', role: 'r', model: 'm' })
    .at(2, 'snapshot', { agentId: 'a', label: 'one', ...content })
    .at(3, 'message', { from: 'a', to: 'nobody', act: 'request', subject: 's', id: 'm-1' })
    .at(4, 'agent-hold', { id: 'a', onHold: true })
    .at(5, 'escalate', { from: 'a', to: 'human', subject: 's', id: 'e-1' })
    .at(6, 'message', { from: 'human', to: 'a', act: 'inform', subject: 's', id: 'm-2' })
    .at(9, 'wait', { agentId: 'a', resource: 'db', ms: 3, holder: 'b' })
    .at(10, 'log.seal', { sha256: '0'.repeat(64), bytes: 1 })
  const api = await tempApi(t, { logs: [log.file] })
  const path = await api.log('full.jsonl')
  await assertAnswers(api, path)
  const wrong = await api.ask(`${path}/events?limit=x`)
  assertValid('/components/schemas/Error', await wrong.json())
  const end = new AbortController()
  defer(t, () => end.abort())
  const reader = new SseReader(await api.ask(`${path}/live?from=0`, { signal: end.signal }))
  log.at(20, 'usage', { agentId: 'a', model: 'm', inputTokens: 1, outputTokens: 1 })
  for (const { data } of await reader.first('event', 10)) assertValid('/components/schemas/PlacedEvent', data)
  for (const { data } of await reader.first('floor')) assertValid('/components/schemas/FloorChange', data)
  assertValid('/components/schemas/Resync', { position: 1 })
})
