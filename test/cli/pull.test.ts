/** `pull` from the command line, and every command that reads on what a store has. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startHive } from '../../src/index.js'
import { tempFolder } from '../kit/hive-support.js'
import { LogStore } from '../kit/log-store.js'
import { hivelog } from '../kit/reader-cli.js'

/** A hive with a child process, whose lines a store has. */
async function scene(
  t: TestContext,
): Promise<{ store: LogStore; folder: string; file: string; tmp: string }> {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const file = join(folder, 'hive.jsonl')
  const hive = startHive({ file, sessionId: 's-1' })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  const { id } = coder.escalate({ subject: 'Drop the table?' })
  await hive.approve(id, false, { by: 'ana' })
  coder.usage({ model: 'm', inputTokens: 10, outputTokens: 5, costUsd: 0.5 })
  coder.tool({ name: 'grep', ok: true, ms: 3 })
  coder.call({ host: 'api.local', method: 'GET', path: '/', status: 200, ms: 4 })
  coder.wait({ resource: 'lock', ms: 5 })
  lead.message({ to: 'coder', act: 'inform', subject: 'hello' })
  const child = startHive({ file: coder.env().HIVELOG_FILE as string, sessionId: 's-1' })
  child.log('child.note', {})
  await child.shutdown()
  await hive.shutdown()
  const { code, stderr } = await hivelog(['ship', '--once', '--otlp-logs', store.url, file])
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual([...new Set(store.paths)], ['/v1/logs'])
  const tmp = join(folder, 'tmp')
  mkdirSync(tmp)
  return { store, folder, file, tmp }
}

test('pull puts the files of a session where they are asked for, and says what they are', async (t) => {
  const { store, folder, file } = await scene(t)
  const { code, stdout } = await hivelog(['pull', '--from', store.url, '--session', 's-1'], { cwd: folder })
  assert.equal(code, 0)
  assert.match(stdout, /^s-1\/hive\.jsonl: \d+ lines, .*\ns-1\/hive\.jsonl\.agents\/coder\.jsonl: \d+ lines/)
  assert.ok(readFileSync(join(folder, 's-1/hive.jsonl')).equals(readFileSync(file)))
  const verified = await hivelog(['verify', 's-1/hive.jsonl'], { cwd: folder })
  assert.equal(verified.code, 0, verified.stdout)
  const none = await hivelog(['pull', '--from', store.url, '--session', 'x'], { cwd: folder })
  assert.deepEqual([none.code, none.stdout], [1, ''])
  assert.match(none.stderr, /^hivelog: http:\/\/127\.0\.0\.1:\d+ has no line of session 'x'\n$/)
})

test('missing lines are said by number, with exit code 1', async (t) => {
  const { store, folder } = await scene(t)
  store.rows = store.rows.filter((row) => !['4', '5', '7'].includes(row['hive.seq'] as string))
  const { code, stdout } = await hivelog(['pull', '--from', store.url, '--session', 's-1', '--out', 'o'], {
    cwd: folder,
  })
  assert.equal(code, 1)
  assert.match(stdout, /missing: lines 4–5 \(\d+ bytes\)\n.*missing: line 7 \(\d+ bytes\)\n/)
  // A store's word is a stranger's.
  store.rows = store.rows.map((row) => ({ ...row, 'hive.file': '\u001b[2J/../x.jsonl' }))
  const odd = await hivelog(['pull', '--from', store.url, '--session', 's-1', '--out', 'p'], { cwd: folder })
  assert.ok(!odd.stdout.includes('\u001b'))
})

/** With what a command needs beside the log. */
const RUNS: string[][] = [
  ['audit'],
  ['calls'],
  ['cat'],
  ['check'],
  ['cost'],
  ['export', '--format', 'csv'],
  ['replay', '--speed', '0'],
  ['show', '3'],
  ['state', '--at', '6'],
  ['stats'],
  ['tail', '-3'],
  ['talk', 'coder'],
  ['waits'],
  ['why', '5'],
]

test('a command says of a store what it says of the file', async (t) => {
  const { store, file, tmp } = await scene(t)
  for (const run of RUNS) {
    const env = { TMPDIR: tmp }
    const ofFile = await hivelog([...run, file], { env })
    const ofStore = await hivelog([...run, '--from', store.url, '--session=s-1'], { env })
    const plain = (text: string): string =>
      text
        .replaceAll(tmp, 'TMP')
        .replace(/TMP\/hivelog-pull-\w+\/hive\.jsonl/g, 'FILE')
        .replaceAll(file, 'FILE')
    assert.deepEqual(
      [ofStore.code, plain(ofStore.stdout), plain(ofStore.stderr)],
      [ofFile.code, plain(ofFile.stdout), plain(ofFile.stderr)],
      run.join(' '),
    )
    assert.ok(ofStore.stdout.length > 0, run.join(' '))
    assert.deepEqual(readdirSync(tmp), [], 'nothing stays')
  }
  const verified = await hivelog(['verify', '--from', store.url, '--session', 's-1'])
  assert.deepEqual([verified.code, verified.stderr], [0, ''])
})

test('diff takes two sessions', async (t) => {
  const { store, folder } = await scene(t)
  const other = join(folder, 'other.jsonl')
  writeFileSync(
    other,
    readFileSync(join(folder, 'hive.jsonl'), 'utf8')
      .replaceAll('"s-1"', '"s-2"')
      .replaceAll('"grep"', '"sed"'),
  )
  await hivelog(['ship', '--once', '--this-file', '--otlp-logs', store.url, other])
  const ofFiles = await hivelog(['diff', join(folder, 'hive.jsonl'), other])
  const args = ['--from', store.url, '--session', 's-1', '--session', 's-2']
  const ofStore = await hivelog(['diff', ...args])
  assert.equal(ofStore.code, ofFiles.code)
  assert.equal(ofStore.code, 1)
  assert.match(ofStore.stdout, /sed/)
})

test('what goes together and what does not', async (t) => {
  const { store, folder, tmp } = await scene(t)
  const refused: [string[], RegExp][] = [
    [['audit', '--from', store.url], /needs --session S/],
    [['tail', '-f', '--from', store.url, '--session', 's-1'], /leave out -f/],
    [['audit', '--from', 'http://', '--session', 's-1'], /--from needs a URL/],
    [['audit', '--from', store.url, '--session', 'x'], /has no line of session 'x'/],
    [['pull', '--from', store.url], /needs --from URL and --session S/],
    [['pull', '--from', store.url, '--session', 's-1', 'hive.jsonl'], /takes no FILE/],
    [['ship', '--missing-in', store.url, 'hive.jsonl'], /--missing-in needs --otlp-logs/],
    [['ship', '--otlp-logs', store.url, '--to', store.url, 'hive.jsonl'], /not both/],
  ]
  for (const [args, says] of refused) {
    const { code, stdout, stderr } = await hivelog(args, { cwd: folder, env: { TMPDIR: tmp } })
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, says)
    assert.match(stderr, /^hivelog: [^\n]+\n$/)
  }
  // A place in the log is no store.
  const replayed = await hivelog(['export', '--format', 'csv', '--from', '3', 'hive.jsonl'], { cwd: folder })
  assert.equal(replayed.code, 0)
  // What is missing is said, and is an exit code.
  store.rows = store.rows.filter((row) => row['hive.seq'] !== '4')
  const { code, stderr } = await hivelog(['cat', '--from', store.url, '--session', 's-1'])
  assert.equal(code, 1)
  assert.match(stderr, /missing: line 4/)
  assert.ok(!existsSync(join(folder, 's-1')))
})

test('ship sends only what VictoriaLogs lacks', async (t) => {
  const { store, file } = await scene(t)
  const all = store.rows.length
  store.rows = store.rows.filter((row) => !['4', '6'].includes(row['hive.seq'] as string))
  const gone = all - store.rows.length
  const args = ['ship', '--once', '--otlp-logs', store.url, '--missing-in', store.url, '--json', file]
  const { stdout } = await hivelog(args)
  const logs = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
  assert.equal(
    logs.reduce((sum, { lines }) => sum + lines, 0),
    gone,
  )
  assert.equal(
    logs.reduce((sum, { lines, present }) => sum + lines + present, 0),
    all,
  )
  assert.equal(store.rows.length, all)
})
