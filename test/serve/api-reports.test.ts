/** Each report of the API is what the command of that name prints with --json. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { EventPage } from '../../src/serve/api/shapes.js'
import { type Api, busyLog, familyLog, foreignLog, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'

async function printed(...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await hivelog(args)
  assert.notEqual(stdout, '', stderr)
  const values = linesOf(stdout).map((line) => JSON.parse(line))
  return values.length === 1 ? values[0] : values
}

/** Path of the report, and the command. */
const REPORTS: [path: string, command: (file: string) => string[]][] = [
  ['/audit', (file) => ['audit', '--json', file]],
  ['/audit?agent=coder&pending=true', (file) => ['audit', '--json', '--agent', 'coder', '--pending', file]],
  ['/audit?id=e-1', (file) => ['audit', '--json', '--id', 'e-1', file]],
  ['/cost', (file) => ['cost', '--json', file]],
  ['/cost?by=model', (file) => ['cost', '--json', '--by', 'model', file]],
  ['/calls?by=tool', (file) => ['calls', '--json', '--by', 'tool', file]],
  ['/waits?by=pair', (file) => ['waits', '--json', '--by', 'pair', file]],
  ['/check', (file) => ['check', '--json', file]],
  ['/stats', (file) => ['stats', '--json', file]],
  ['/talk?a=lead', (file) => ['talk', '--json', 'lead', file]],
  ['/talk?a=lead&b=coder', (file) => ['talk', '--json', 'lead', 'coder', file]],
  [
    '/stats?since=1787386181030&until=1787386181300',
    (file) => ['stats', '--json', '--since', '1787386181030', '--until', '1787386181300', file],
  ],
]

const LOGS: Record<string, (folder: string) => string> = {
  'busy.jsonl': (folder) => busyLog(folder, 1_500),
  'hive.jsonl': familyLog,
  'munder.jsonl': foreignLog,
}

async function served(t: TestContext, name: string): Promise<{ api: Api; file: string; log: string }> {
  const file = (LOGS[name] as (folder: string) => string)(tempFolder(t))
  const api = await tempApi(t, { logs: [file] })
  return { api, file, log: await api.log(name) }
}

for (const name of Object.keys(LOGS)) {
  test(`${name}: every report is what the command prints`, async (t) => {
    const { api, file, log } = await served(t, name)
    for (const [path, command] of REPORTS) {
      assert.deepEqual(await api.get(log + path), await printed(...command(file)), path)
      // The answer that is kept is the same.
      assert.deepEqual(await api.get(log + path), await printed(...command(file)), path)
    }
    const { logs, ok } = await api.get<{ logs: unknown[]; ok: boolean }>(`${log}/verify`)
    const verified = await printed('verify', '--json', file)
    assert.deepEqual(logs, Array.isArray(verified) ? verified : [verified])
    assert.equal(
      ok,
      ([verified].flat() as { ok: boolean }[]).every((each) => each.ok),
    )
  })

  test(`${name}: an event by its position, and why it happened`, async (t) => {
    const { api, file, log } = await served(t, name)
    const { events } = await api.get<EventPage>(`${log}/events?limit=30`)
    for (const { position, file: segment, line, log: own } of events) {
      const place = own === undefined ? String(position) : `${segment}:${line}`
      const named = own === undefined ? [] : ['--log', own]
      for (const [path, command] of [
        ['event', 'show'],
        ['why', 'why'],
      ]) {
        const expected = await printed(command as string, '--json', ...named, place, file)
        assert.deepEqual(await api.get(`${log}/${path}/${position}`), expected, `${path} ${place}`)
      }
    }
  })
}

test('a value that a report does not know is refused', async (t) => {
  const api = await tempApi(t, { logs: [busyLog(tempFolder(t), 50)] })
  const log = await api.log('busy.jsonl')
  const refused = await api.ask(`${log}/audit?pending=maybe`)
  assert.equal(refused.status, 400)
  assert.match(((await refused.json()) as { error: string }).error, /^pending must be [^\n]*$/)
  assert.deepEqual(await api.get(`${log}/audit?pending=false`), await api.get(`${log}/audit`))
})

test('two logs compared are what diff prints', async (t) => {
  const folder = tempFolder(t)
  const a = busyLog(folder, 400, 'a.jsonl')
  const b = busyLog(folder, 500, 'b.jsonl')
  const api = await tempApi(t, { logs: [folder] })
  const ids = await Promise.all(
    ['a.jsonl', 'b.jsonl'].map(async (name) => (await api.log(name)).split('/').at(-1)),
  )
  assert.equal(ids[1], `${ids[0]}-2`, 'both have the same first line')
  assert.deepEqual(
    await api.get(`/api/compare?a=${ids[0]}&b=${ids[1]}`),
    await printed('diff', '--json', a, b),
  )
})
