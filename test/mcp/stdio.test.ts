/** `hivelog mcp`: a process that a coding agent starts, asks, and ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { serve } from '../../src/serve/server.js'
import { busyLog, familyLog } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { stdioAgent } from '../kit/mcp-client.js'
import { hivelog, MAIN } from '../kit/reader-cli.js'

test('it ends with its input, code 0, and writes nothing but answers', async (t) => {
  const file = familyLog(tempFolder(t))
  const child = spawn(process.execPath, [MAIN, 'mcp', file], { stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    if (stdout.split('\n').length > 3) child.stdin.end()
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const send = (message: object): void => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
  send({ id: 1, method: 'initialize', params })
  send({ method: 'notifications/initialized' })
  send({ id: 2, method: 'tools/call', params: { name: 'check', arguments: {} } })
  send({ id: 3, method: 'tools/list', params: {} })
  const [code] = await once(child, 'close')
  assert.deepEqual([code, stderr], [0, ''])
  const messages = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(messages.map(({ id }) => id).sort(), [1, 2, 3])
  assert.ok(messages.every(({ result }) => result !== undefined))
})

test('a signal ends it', async (t) => {
  const file = familyLog(tempFolder(t))
  const child = spawn(process.execPath, [MAIN, 'mcp', file], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}\n')
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'close'), [0, null])
})

test('what is no message is not answered with anything else, and does no harm', async (t) => {
  const file = familyLog(tempFolder(t))
  const agent = await stdioAgent(t, [file])
  const stdin = (agent.transport as unknown as { _process: { stdin: NodeJS.WritableStream } })._process.stdin
  for (const line of ['', '{', 'null', '[]', '{"id":9}', '\u001b[2J', 'x'.repeat(20_000)])
    stdin.write(`${line}\n`)
  assert.ok((await agent.ask('overview')).total > 0)
})

test('a log or folder that is not there, or standard input, is refused in one line', async (t) => {
  const folder = tempFolder(t)
  for (const [args, said] of [
    [['nowhere.jsonl'], /^hivelog: there is no nowhere\.jsonl: name a log/],
    [['-'], /^hivelog: mcp is asked on standard input/],
    [['--json'], /^hivelog: --json goes with --tools/],
    [['--frm', 'x'], /^hivelog: Unknown option '--frm'/],
    [['--from', 'http://127.0.0.1:1', '--session', 's'], /^hivelog: /],
    [['--from', 'http://127.0.0.1:1'], /needs --session S/],
  ] as [string[], RegExp][]) {
    const { code, stdout, stderr } = await hivelog(['mcp', ...args], { cwd: folder })
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, said)
    assert.match(stderr, /^[^\n]+\n$/)
  }
})

test('--tools tells what there is', async () => {
  const { code, stdout } = await hivelog(['mcp', '--tools'])
  assert.equal(code, 0)
  assert.equal(stdout.split('\n').length, 14)
  const json = JSON.parse((await hivelog(['mcp', '--tools', '--json'])).stdout)
  assert.deepEqual(
    json.map(({ name }: { name: string }) => name),
    'overview search_events get_events state_at inbox agent_story talk why audit cost check diff verify'.split(
      ' ',
    ),
  )
})

test('without a FILE it is about the usual log', async (t) => {
  const folder = tempFolder(t)
  busyLog(folder, 100, 'hive.jsonl')
  const agent = await stdioAgent(t, [], { cwd: folder })
  assert.equal((await agent.ask('overview')).logs[0]?.name, 'hive.jsonl')
  const other = busyLog(folder, 80, 'other.jsonl')
  const named = await stdioAgent(t, [], { cwd: folder, env: { HIVELOG_FILE: other } })
  assert.equal((await named.ask('overview')).logs[0]?.name, 'other.jsonl')
})

test('--from URL --session S: what a server has received is asked about', async (t) => {
  const folder = tempFolder(t)
  const file = busyLog(folder, 300, 'hive.jsonl')
  const server = await serve({ store: join(folder, 'store'), port: 0 })
  defer(t, () => server.close())
  const env = { AGENT_LOG_TOKEN: server.token ?? '' }
  // The server is in this process: another one ships.
  const shipped = spawn(process.execPath, [MAIN, 'ship', '--once', '--to', server.url, file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  shipped.stderr.on('data', (chunk) => {
    said += chunk
  })
  assert.deepEqual(await once(shipped, 'close'), [0, null], said)
  const agent = await stdioAgent(t, ['--from', server.url, '--session', 's-busy'], { env })
  const { report, logs } = await agent.ask('audit')
  const audit = JSON.parse((await hivelog(['audit', '--json', file])).stdout)
  assert.equal(logs[0]?.name, 'hive.jsonl')
  assert.ok(audit.escalations > 3)
  assert.deepEqual([report.counts, report.lines], [audit.counts, audit.lines])
})
