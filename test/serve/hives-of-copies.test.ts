/**
 * Copies of a hive's logs in a store are one hive there too: shipped by its processes to a server in another, every
 * report, command and tool says of the copy what the commands say of the files, and a child's question is decided there.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { pullSession } from '../../src/pull/pull.js'
import type { Desk, EventPage, LogList } from '../../src/serve/api/shapes.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { tempApi } from '../kit/api-server.js'
import { approvals, type DecidingServer, decidingServer, isTaken, until } from '../kit/deciding.js'
import { cleanEnvironment, defer, tempFolder } from '../kit/hive-support.js'
import { agentOf } from '../kit/mcp-client.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { send, tempServer } from '../kit/serve-support.js'

const FAMILY = fileURLToPath(new URL('../programs/family-hive.js', import.meta.url))

const logIdIn = (file: string): string => {
  const bytes = readFileSync(file)
  return createHash('sha256')
    .update(bytes.subarray(0, bytes.indexOf(10)))
    .digest('hex')
    .slice(0, 16)
}

/** Every log below a folder, by its path in it. */
function logsBelow(folder: string): Map<string, Buffer> {
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) =>
    name.endsWith('.jsonl'),
  )
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name))]))
}

/** The same with the paths of copies as the originals have them. */
function asOriginal<T>(value: T, folder: string, store: string): T {
  let json = JSON.stringify(value)
  const quoted = (path: string): string => JSON.stringify(path).slice(1, -1)
  const originals = new Map([...logsBelow(folder).keys()].map((name) => [logIdIn(join(folder, name)), name]))
  const copies = [...logsBelow(store).keys()].sort((a, b) => b.length - a.length)
  for (const copy of copies) {
    const name = originals.get(logIdIn(join(store, copy)))
    assert.ok(name !== undefined, `${copy} is a copy`)
    json = json.replaceAll(quoted(join(store, copy)), quoted(join(folder, name)))
  }
  return JSON.parse(json) as T
}

async function printed(...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await hivelog(args)
  assert.notEqual(stdout, '', stderr)
  const values = linesOf(stdout).map((line) => JSON.parse(line))
  return values.length === 1 ? values[0] : values
}

interface Family {
  folder: string
  file: string
  store: string
  server: DecidingServer
  asked: Set<string>
  heard: Map<string, { approve: boolean; by: string; via: string }>
  tell(what: object): void
  /** Ends the lead's input, and waits for it. */
  end(): Promise<void>
}

async function family(t: TestContext): Promise<Family> {
  const root = tempFolder(t)
  const [folder, store] = [join(root, 'here'), join(root, 'store')]
  const file = join(folder, 'hive.jsonl')
  const server = await decidingServer(t, ['--store', store])
  const lead: ChildProcess = spawn(process.execPath, [FAMILY, file], {
    env: {
      ...cleanEnvironment(),
      AGENT_LOG_ENDPOINT: server.url,
      AGENT_LOG_TOKEN: server.token,
      BATCH_FLUSH_INTERVAL_MS: '50',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => lead.kill('SIGKILL'))
  const exit = once(lead, 'exit')
  const asked = new Set<string>()
  const heard: Family['heard'] = new Map()
  createInterface(lead.stdout as NodeJS.ReadableStream).on('line', (line) => {
    const said = JSON.parse(line)
    if ('asked' in said) asked.add(said.asked)
    else {
      assert.ok(!heard.has(said.heard), `${said.heard} is heard once`)
      heard.set(said.heard, said.decision)
    }
  })
  return {
    ...{ folder, file, store: join(store, 's-family'), server, asked, heard },
    tell: (what) => void lead.stdin?.write(`${JSON.stringify(what)}\n`),
    async end() {
      lead.stdin?.end()
      assert.deepEqual(await exit, [0, null])
    },
  }
}

const pendingAt = async ({ server }: Family, log: string): Promise<string[]> => {
  const { status, body } = await server.ask(`${log}/desk`)
  assert.equal(status, 200)
  return (body as unknown as Desk).pending.map(({ id }) => id).sort()
}

/** Path of the hive at the server, once the copies of all three logs are there. */
async function hiveAt(hive: Family): Promise<string> {
  await until(async () => {
    const { logs } = (await hive.server.ask('/api/logs')).body as unknown as LogList
    if (logs.length !== 1) return false
    const [log] = logs
    const { body } = await hive.server.ask(`/api/logs/${log?.id}`)
    return (body.logs as unknown[]).length === 3
  })
  return hive.server.log()
}

test('three processes ship their logs: one hive, whose reports, commands and tools are those of the files', async (t) => {
  const hive = await family(t)
  const { folder, file, store, server, heard } = hive
  await until(() => hive.asked.size === 2)
  const log = await hiveAt(hive)
  assert.equal(log, `/api/logs/${logIdIn(file)}`)
  await until(async () => (await pendingAt(hive, log)).length === 2)
  // What the lead answered its coder is no more pending.
  assert.deepEqual(await pendingAt(hive, log), ['ask-coder', 'ask-tester'])

  for (const [id, approve] of [
    ['ask-tester', true],
    ['ask-coder', false],
  ] as const) {
    const sent = await server.ask(`${log}/decisions`, { id, approve, note: 'from afar' })
    assert.equal(sent.status, 202, JSON.stringify(sent.body))
    await until(() => heard.has(id))
    const { approve: made, via } = heard.get(id) ?? {}
    assert.deepEqual([made, via], [approve, 'page'])
  }
  await hive.end()
  await until(() => {
    const [there, here] = [logsBelow(store), logsBelow(folder)].map((logs) =>
      [...logs.values()].map(String).sort().join(''),
    )
    return there === here
  })
  // Beside the copy of who asks, and taken from there.
  const copies = [...logsBelow(store).keys()]
  assert.equal(copies.length, 3)
  for (const copy of copies) assert.ok(isTaken(join(store, copy)), copy)
  const lines = [...logsBelow(folder).keys()].flatMap((name) => approvals(join(folder, name)))
  assert.deepEqual(lines.map(({ id }) => id).sort(), ['ask-coder', 'ask-lead', 'ask-tester'])

  const copy = join(store, `${logIdIn(file)}.jsonl`)
  const reports: [path: string, args: string[]][] = [
    ['audit', ['audit']],
    ['check', ['check']],
    ['cost', ['cost']],
    ['calls', ['calls']],
    ['waits', ['waits']],
    ['stats', ['stats']],
    ['talk?a=coder', ['talk', 'coder']],
    ['state', ['state']],
  ]
  for (const [path, [command = '', ...args]] of reports) {
    const expected = await printed(command, '--json', ...args, file)
    const answer = (await server.ask(`${log}/${path}`)).body
    if (path === 'state') delete answer.position
    assert.deepEqual(asOriginal(answer, folder, store), expected, `the API's ${path}`)
    const ofCopy = await printed(command, '--json', ...args, copy)
    assert.deepEqual(asOriginal(ofCopy, folder, store), expected, `${command} of the copy`)
  }
  const story = await printed('cat', '--json', file)
  assert.deepEqual(await printed('cat', '--json', copy), story)
  const { events } = (await server.ask(`${log}/events?limit=1000`)).body as unknown as EventPage
  assert.equal(events.length, (story as unknown[]).length)
  const { logs } = (await server.ask(`${log}/verify`)).body as { logs: { ok: boolean }[] }
  assert.deepEqual(
    logs.map(({ ok }) => ok),
    [true, true, true],
  )

  const client = new Client({ name: 'test', version: '1' })
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${server.token}` } },
    }),
  )
  defer(t, () => client.close())
  const agent = agentOf(client)
  const { logs: known } = await agent.ask('overview')
  assert.deepEqual(
    known.map(({ name }) => name),
    ['hive.jsonl'],
  )
  const { cases } = (await printed('audit', '--json', file)) as { cases: { id: string; status: string }[] }
  assert.deepEqual(
    (await agent.all('audit')).items
      .filter(({ id }) => id !== undefined)
      .map(({ id, status }) => [id, status]),
    cases.map(({ id, status }) => [id, status]),
  )

  const out = join(dirname(folder), 'pulled')
  await pullSession({ url: server.url, token: server.token, session: 's-family', out })
  assert.deepEqual(logsBelow(out), logsBelow(folder))
})

test('what a killed child asked is decided at the server, and taken by the process above it, once', async (t) => {
  const hive = await family(t)
  const { folder, store, server } = hive
  await until(() => hive.asked.size === 2)
  const log = await hiveAt(hive)
  await until(async () => (await pendingAt(hive, log)).length === 2)
  hive.tell({ kill: 'coder' })
  assert.equal((await server.ask(`${log}/decisions`, { id: 'ask-coder', approve: true })).status, 202)
  assert.equal((await server.ask(`${log}/decisions`, { id: 'ask-tester', approve: true })).status, 202)
  await until(async () => (await pendingAt(hive, log)).length === 0)
  await hive.end()
  const lines = [...logsBelow(folder).keys()].flatMap((name) => approvals(join(folder, name)))
  assert.deepEqual(lines.map(({ id }) => id).sort(), ['ask-coder', 'ask-lead', 'ask-tester'])
  await until(() => [...logsBelow(store).keys()].every((copy) => isTaken(join(store, copy))))
  // Nobody waits for the tester, whose parent was killed.
  const tester = join(`${hive.file}.agents`, 'coder.jsonl.agents', 'tester.jsonl')
  await until(() => !existsSync(`${tester}.lock`))
})

/** A log written by hand: what each line says beside session and number. */
function written(file: string, session: string, events: readonly object[]): void {
  mkdirSync(dirname(file), { recursive: true })
  const lines = events.map((event, i) => JSON.stringify({ ...event, seq: i + 1, session }))
  writeFileSync(file, `${lines.join('\n')}\n`)
}

/** A hive of three levels; what differs makes it another one. */
function writtenFamily(folder: string, differs: string): string {
  const file = join(folder, 'hive.jsonl')
  const child = join(`${file}.agents`, 'coder.jsonl')
  const open = (ts: number) => ({ ts, kind: 'log.open', format: 1, segment: 1, host: differs })
  written(file, 's', [
    open(1),
    { ts: 2, kind: 'spawn', agentId: 'lead', name: 'Lead', isGod: true },
    { ts: 3, kind: 'spawn', agentId: 'coder', name: 'Coder', parent: 'lead' },
    { ts: 9, kind: 'approval', id: 'q1', approve: true, by: 'lead' },
  ])
  written(child, 's', [
    open(4),
    { ts: 5, kind: 'spawn', agentId: 'coder', name: 'Coder', parent: 'lead' },
    { ts: 6, kind: 'escalate', id: 'q1', from: 'coder', to: 'lead', subject: 'May I?' },
  ])
  written(join(`${child}.agents`, 'tester.jsonl'), 's', [
    open(7),
    { ts: 8, kind: 'escalate', id: `q-${differs}`, from: 'tester', to: 'human', subject: 'And I?' },
  ])
  return file
}

test('a child whose parent is not there stands for itself, and joins when it comes', async (t) => {
  const folder = tempFolder(t)
  const api = await tempApi(t, { store: join(folder, 'store') })
  const here = join(folder, 'here')
  const file = writtenFamily(here, 'h')
  const child = join(`${file}.agents`, 'coder.jsonl')
  const grandchild = join(`${child}.agents`, 'tester.jsonl')
  const shipping = { url: api.server.url, token: api.server.token as string, once: true, thisFile: true }
  const listed = async (): Promise<string[]> =>
    (await api.get<LogList>('/api/logs')).logs.map(({ name }) => name).sort()
  const pending = async (name: string): Promise<string[]> =>
    (await api.get<Desk>(`${await api.log(name)}/desk`)).pending.map(({ id }) => id).sort()
  const cases: [ship: string, listed: string[], pending: string[]][] = [
    [grandchild, ['tester.jsonl'], ['q-h']],
    [child, ['coder.jsonl'], ['q-h', 'q1']],
    [file, ['hive.jsonl'], ['q-h']],
  ]
  for (const [ship, names, waiting] of cases) {
    await shipLogs([ship], shipping)
    // Folders are listed anew each second.
    await until(async () => (await listed()).join() === names.join())
    await until(async () => (await pending(names[0] as string)).join() === waiting.join())
  }
  const path = await api.log('hive.jsonl')
  const { position: _, ...state } = await api.get<Record<string, unknown>>(`${path}/state`)
  const expected = await printed('state', '--json', file)
  assert.deepEqual(asOriginal(state, here, join(folder, 'store', 's')), expected)
})

test('two machines whose logs have the same names in the same session are two hives', async (t) => {
  const folder = tempFolder(t)
  const api = await tempApi(t, { store: join(folder, 'store') })
  const files = ['one', 'two'].map((machine) => writtenFamily(join(folder, machine), machine))
  const shipping = { url: api.server.url, token: api.server.token as string, once: true }
  for (const file of files) await shipLogs([file], shipping)
  const { logs } = await api.get<LogList>('/api/logs')
  assert.deepEqual(
    logs.map(({ id, name }) => [id, name]).sort(),
    files.map((file) => [logIdIn(file), 'hive.jsonl']).sort(),
  )
  for (const [i, machine] of ['one', 'two'].entries()) {
    const { pending } = await api.get<Desk>(`/api/logs/${logIdIn(files[i] as string)}/desk`)
    assert.deepEqual(
      pending.map(({ id }) => id),
      [`q-${machine}`],
    )
  }
})

test('children stand in the order of their names where they are written, not of their ids', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'here', 'hive.jsonl')
  written(file, 's', [{ ts: 5, kind: 'note', who: 'hive' }])
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    written(join(`${file}.agents`, `${name}.jsonl`), 's', [{ ts: 5, kind: 'note', who: name }])
  const server = await tempServer(t, join(folder, 'store'))
  await shipLogs([file], { url: server.url, token: server.token, once: true })
  const copy = join(folder, 'store', 's', `${logIdIn(file)}.jsonl`)
  const whos = ((await printed('cat', '--json', copy)) as { who: string }[]).map(({ who }) => who)
  assert.deepEqual(whos, ['hive', 'a', 'b', 'c', 'd', 'e', 'f', 'g'])
  const ids = [...'abcdefg'].map((name) => logIdIn(join(`${file}.agents`, `${name}.jsonl`)))
  assert.notDeepEqual([...ids].sort(), ids, 'by their ids they would stand otherwise')
})

test('a copy from before stays where it is, whatever is said of it later, also after a restart', async (t) => {
  const folder = tempFolder(t)
  const store = join(folder, 'store')
  const file = writtenFamily(folder, 'h')
  const child = join(`${file}.agents`, 'coder.jsonl')
  const bytes = readFileSync(child)
  const log = logIdIn(child)
  const named = { 'hivelog-session': 's', 'hivelog-log': log, 'hivelog-name': 'coder.jsonl' }
  const old = await tempServer(t, store)
  const end = bytes.indexOf(10) + 1
  const begun = await send(old, '/v1/ingest', bytes.subarray(0, end), {
    ...named,
    ...{ 'hivelog-segment': '1', 'hivelog-offset': '0' },
  })
  assert.equal(begun.status, 200)
  await old.close()
  const server = await tempServer(t, store)
  await shipLogs([file], { url: server.url, token: server.token, once: true })
  const copies = logsBelow(join(store, 's'))
  assert.deepEqual(copies.get(`${log}.jsonl`), bytes)
  assert.equal(copies.size, 3)
})

test('what is above a log is refused where it is no list of ids, and nothing is stored', async (t) => {
  const folder = tempFolder(t)
  const server = await tempServer(t, join(folder, 'store'))
  const line = '{"ts":1,"kind":"note","seq":1}'
  const log = createHash('sha256').update(line).digest('hex').slice(0, 16)
  const other = '0123456789abcdef'
  const bad = [
    '',
    '..',
    '../..',
    '/etc',
    `${other}/`,
    other.toUpperCase(),
    `${other}/../${other}`,
    `${other}/${other}`,
    log,
    `${log}/${other}`,
    `${other},${other}`,
    Array.from({ length: 17 }, (_, i) => i.toString(16).padStart(16, '0')).join('/'),
  ]
  for (const above of bad) {
    const { status, json } = await send(server, '/v1/ingest', `${line}\n`, {
      'hivelog-session': 's',
      'hivelog-log': log,
      'hivelog-name': 'x.jsonl',
      'hivelog-segment': '1',
      'hivelog-offset': '0',
      'hivelog-above': above,
    })
    assert.equal(status, 400, above)
    assert.match(json().error, /^hivelog-above must be/, above)
  }
  assert.deepEqual(
    readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('.jsonl')),
    [],
  )
})

test('logs that each say they are above the other are hives of their own', async (t) => {
  const folder = tempFolder(t)
  const api = await tempApi(t, { store: join(folder, 'store') })
  const lines = ['one', 'two'].map((who) => JSON.stringify({ ts: 1, kind: 'note', who, seq: 1 }))
  const ids = lines.map((line) => createHash('sha256').update(line).digest('hex').slice(0, 16))
  for (const [i, line] of lines.entries()) {
    const { status } = await send(
      { url: api.server.url, token: api.server.token },
      '/v1/ingest',
      `${line}\n`,
      {
        'hivelog-session': 's',
        'hivelog-log': ids[i] as string,
        'hivelog-name': `log-${i}.jsonl`,
        'hivelog-segment': '1',
        'hivelog-offset': '0',
        'hivelog-above': ids[1 - i] as string,
      },
    )
    assert.equal(status, 200)
  }
  const { logs } = await api.get<LogList>('/api/logs')
  assert.deepEqual(logs.map(({ id }) => id).sort(), [...ids].sort())
})
