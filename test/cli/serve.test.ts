/** `hivelog serve` and `hivelog token`: what they print, how they end, and what they refuse. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { Tokens } from '../../src/serve/tokens.js'
import { cleanEnvironment, tempFolder } from '../kit/hive-support.js'
import { hivelog, linesOf, MAIN } from '../kit/reader-cli.js'

const execute = promisify(execFile)

async function started(t: TestContext, args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...args], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, line }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve tells scripts where it listens, and ends well on ${signal}`, async (t) => {
    const store = join(tempFolder(t), 'store')
    const { child, line } = await started(t, ['--store', store, '--json'])
    const { url, port, token, ...rest } = JSON.parse(line)
    assert.equal(url, `http://127.0.0.1:${port}`)
    assert.match(token, /^hl_[\w-]{43}$/)
    assert.deepEqual(rest, { store })
    assert.deepEqual(await (await fetch(`${url}/healthz`)).json(), { ok: true })
    const post = (path: string, body: object): Promise<Response> =>
      fetch(url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      })
    // A log that is open, and somebody who waits for an answer.
    await post('/v1/ingest', { kind: 'note', session: 's' })
    const asked = { session_id: 's', hook_event_name: 'PermissionRequest', tool_name: 'Bash', tool_input: {} }
    const waiting = post('/v1/hooks/claude-code?wait=600', asked)
    const log = join(store, 's', 'events.jsonl')
    while (!readFileSync(log, 'utf8').includes('"kind":"escalate"'))
      await new Promise((resolve) => setTimeout(resolve, 10))
    const ended = once(child, 'exit')
    child.kill(signal)
    assert.deepEqual(await (await waiting).json(), {})
    assert.deepEqual(await ended, [0, null])
  })
}

test('ship from the command line: what was sent, and again nothing', async (t) => {
  const folder = tempFolder(t)
  const { line } = await started(t, ['--store', join(folder, 'store'), '--json'])
  const { url, token } = JSON.parse(line)
  const file = join(folder, 'hive.jsonl')
  const text = '{"ts":1,"kind":"note"}\n'
  writeFileSync(file, text)
  const env = { AGENT_LOG_ENDPOINT: `${url}/v1/ingest`, AGENT_LOG_TOKEN: token }
  const { code, stdout } = await hivelog(['ship', '--once', '--json', file], { env })
  assert.equal(code, 0)
  const { log, session, ...sent } = JSON.parse(stdout)
  assert.deepEqual(sent, { file, bytes: text.length, seq: 1, artifacts: 0 })
  assert.equal(readFileSync(join(folder, 'store', session, `${log}.jsonl`), 'utf8'), text)
  const again = await hivelog(['ship', '--once', '--json', file], { env })
  assert.equal(JSON.parse(again.stdout).bytes, 0)
  const refused = await hivelog(['ship', '--once', '--token', 'hl_wrong', file], { env })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^hivelog: the server refuses \(401\): a token is needed[^\n]*\n$/)
})

test('token: added, listed without what it is, revoked', async (t) => {
  const store = join(tempFolder(t), 'store')
  const added = await hivelog(['token', 'add', 'build-7', '--store', store, '--scope', 'ingest,read'])
  assert.match(added.stdout, /^hl_[\w-]{43}\n$/)
  const listed = JSON.parse((await hivelog(['token', 'list', '--store', store, '--json'])).stdout)
  assert.deepEqual(
    listed.tokens.map(({ created: _, ...token }: { created: number }) => token),
    [{ name: 'build-7', scopes: ['ingest', 'read'] }],
  )
  assert.ok(!readFileSync(join(store, 'tokens.json'), 'utf8').includes(added.stdout.trim()))
  const twice = await hivelog(['token', 'add', 'build-7', '--store', store])
  assert.deepEqual([twice.code, linesOf(twice.stderr).length], [2, 1])
  assert.equal((await hivelog(['token', 'revoke', 'build-7', '--store', store])).code, 0)
  assert.equal((await hivelog(['token', 'revoke', 'build-7', '--store', store])).code, 1)
})

test('tokens that several processes add and revoke at once are all kept, or gone', async (t) => {
  const store = join(tempFolder(t), 'store')
  const act = async (...args: string[]): Promise<string> => {
    const { stdout } = await execute(process.execPath, [MAIN, 'token', ...args, '--store', store])
    return stdout.trim()
  }
  const named = (n: number): string[] => Array.from({ length: n }, (_, i) => `agent-${i}`)
  await Promise.all(named(2).map((name) => act('add', name)))
  const made = await Promise.all([
    ...named(8)
      .slice(2)
      .map((name) => act('add', name)),
    ...named(2).map((name) => act('revoke', name)),
  ])
  const stored = new Tokens(join(store, 'tokens.json'))
  assert.deepEqual(stored.stored.map(({ name }) => name).sort(), named(8).slice(2))
  for (const token of made.slice(0, 6)) assert.ok(stored.find(token) !== undefined)
  assert.deepEqual(readdirSync(store), ['tokens.json'])
})

test('what serve and token cannot do is said in one line', async (t) => {
  const store = join(tempFolder(t), 'store')
  for (const [args, said] of [
    [['serve'], /name a log or a folder to show, or --store DIR/],
    [['serve', '--store', store, '--host', '0.0.0.0', '--port', '0'], /without tokens: make one with/],
    [['serve', '--store', store, '--key', join(store, 'none.pem'), '--port', '0'], /none\.pem/],
    [['token', 'make', 'x', '--store', store], /one of add, list, revoke/],
    [['token', 'add', '--store', store], /takes one NAME/],
    [['token', 'add', 'x', '--store', store, '--scope', 'all'], /one of ingest, read, decide/],
    [['ship', 'hive.jsonl'], /needs --to URL/],
  ] as [string[], RegExp][]) {
    const { code, stderr } = await hivelog(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, said)
    assert.equal(linesOf(stderr).length, 1)
  }
})
