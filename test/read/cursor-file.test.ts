/** The file of a cursor: its name, its content, its permissions, and what is said when it cannot be used. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeCursor } from '../../src/read/cursor.js'
import { followLog } from '../../src/read/follow.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'

const follow = (file: string, name = 'ui') => collect(followLog(file, { cursor: name, stopAtEnd: true }))

function logWith(t: { after(fn: () => void): void }): { file: string; log: LogWriter; path: string } {
  const file = join(scratch(t), 'hive.jsonl')
  return { file, log: new LogWriter(file).messages(3), path: `${file}.cursors/ui.json` }
}

test('its content', async (t) => {
  const { file, log, path } = logWith(t)
  await follow(file)
  const size = statSync(file).size
  const last = readFileSync(file, 'utf8').split('\n').at(-2) as string
  const { saved, first, ...fields } = JSON.parse(readFileSync(path, 'utf8'))
  assert.match(saved, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.match(first, /^[0-9a-f]{64}$/)
  const ts = JSON.parse(last).ts
  const place = { segment: 1, offset: size, bytes: last.length, line: 4, ts }
  assert.deepEqual(fields, { version: 1, name: 'ui', seq: 4, count: 4, ...place })
  log.rotate()
  rmSync(file)
  await follow(file)
  const { saved: _, ...end } = JSON.parse(readFileSync(path, 'utf8'))
  assert.deepEqual(end, { version: 1, name: 'ui', seq: 5, count: 5, after: 1 })
})

test('the file and its folder are for their owner only', async (t) => {
  const { file, path } = logWith(t)
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  await follow(file)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(`${file}.cursors`).mode & 0o777, 0o700)
})

test('names', async (t) => {
  const { file } = logWith(t)
  const good = ['a', '7', 'ui', 'Web.UI_2-x', 'x'.repeat(64), 'a..b', 'ui.json']
  for (const name of good) await follow(file, name)
  assert.deepEqual(readdirSync(`${file}.cursors`).sort(), good.map((name) => `${name}.json`).sort())
  await assert.rejects(async () => follow(file, ''), /a text that is not empty/)
  const bad = ['.', '..', '../x', 'a/b', 'a b', '-x', '_x', 'x'.repeat(65), 'ü', 'a\n', 'a\0', 'a\\b']
  for (const name of bad)
    await assert.rejects(follow(file, name), /is no name for a cursor: it needs 1 to 64/)
})

test('a damaged one is an error that names it and says what to do', async (t) => {
  const { file, path } = logWith(t)
  await follow(file)
  const text = readFileSync(path, 'utf8')
  const whole = JSON.parse(text)
  const damaged: [content: string, reason: RegExp][] = [
    ['', /not JSON/],
    [text.slice(0, -10), /not JSON/],
    ['[]', /no JSON object/],
    ['null', /no JSON object/],
    ['{}', /a version that this program does not know/],
    [JSON.stringify({ ...whole, version: 2 }), /version/],
    [JSON.stringify({ ...whole, name: 'other' }), /another name/],
    [JSON.stringify({ ...whole, offset: -1 }), /its offset makes no sense/],
    [JSON.stringify({ ...whole, offset: 10, bytes: 10 }), /its offset/],
    [JSON.stringify({ ...whole, seq: '4' }), /its seq/],
    [JSON.stringify({ ...whole, count: undefined }), /its count/],
    [JSON.stringify({ ...whole, first: 'x' }), /its first/],
    [JSON.stringify({ ...whole, ts: 'x' }), /its ts/],
    [JSON.stringify({ ...whole, after: 1.5 }), /its after/],
  ]
  for (const [content, reason] of damaged) {
    writeFileSync(path, content)
    const error = await follow(file).catch((thrown) => thrown)
    assert.equal(error.code, 'ERR_HIVELOG_CURSOR_FILE')
    assert.match(error.message, reason)
    assert.ok(error.message.startsWith(`the cursor file ${path} is damaged: `))
    assert.match(error.message, /; delete it to begin anew$/)
    assert.equal(readFileSync(path, 'utf8'), content, 'it is left as it is')
  }
  rmSync(path)
  assert.equal((await follow(file)).length, 4)
})

test('any text is a position or a reason, never an exception', () => {
  const json = fc.json().map((text) => text.replace(/^\{/, '{"version":1,"name":"ui",'))
  fc.assert(
    fc.property(fc.oneof(fc.string(), json), (text) => {
      const decoded = decodeCursor('ui', text)
      assert.ok('reason' in decoded || Number.isSafeInteger(decoded.position.count))
    }),
    { seed: 1 },
  )
})

test('a folder in its place', async (t) => {
  const { file, path } = logWith(t)
  mkdirSync(path, { recursive: true })
  await assert.rejects(follow(file), /cannot read the cursor file .*ui\.json: it is a directory/)
})

test('a file in place of its folder', async (t) => {
  const { file } = logWith(t)
  writeFileSync(`${file}.cursors`, '')
  await assert.rejects(
    follow(file),
    /cannot read the cursor file .*: there is a file where its folder should be/,
  )
})

test('no permission', (t) => {
  const { file, path } = logWith(t)
  const folder = `${file}.cursors`
  chmodSync(dirname(file), 0o777)
  chmodSync(file, 0o644)
  // Root may do everything, so the child becomes nobody.
  const script = `const { followLog } = await import('${new URL('../../src/read/follow.js', import.meta.url)}')
    const { chmodSync, rmSync } = await import('node:fs')
    if (process.getuid?.() === 0) process.setuid(65534)
    const follow = async () => {
      const options = { cursor: 'ui', stopAtEnd: true }
      try { for await (const _ of followLog(${JSON.stringify(file)}, options)); console.log('read') }
      catch (error) { console.log(error.message) }
    }
    await follow()
    chmodSync(${JSON.stringify(path)}, 0)
    await follow()
    rmSync(${JSON.stringify(path)})
    chmodSync(${JSON.stringify(folder)}, 0o500)
    await follow()
    chmodSync(${JSON.stringify(folder)}, 0o700)`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(run.stderr, '')
  const [first, second = '', third = ''] = run.stdout.split('\n')
  assert.equal(first, 'read')
  assert.match(second, /^cannot read the cursor file .*ui\.json: no permission/)
  assert.match(third, /^cannot write the cursor file .*ui\.json: no permission/)
})

test('drafts that a crash left are taken away by the next save of that name, and only those', async (t) => {
  const { file } = logWith(t)
  const folder = `${file}.cursors`
  mkdirSync(folder)
  for (const name of ['ui.json.0123abcd.tmp', 'other.json.0123abcd.tmp', 'ui.json.note'])
    writeFileSync(join(folder, name), '{')
  await follow(file)
  assert.deepEqual(readdirSync(folder).sort(), ['other.json.0123abcd.tmp', 'ui.json', 'ui.json.note'])
})

test('the folder may be deleted while the consumer goes on', async (t) => {
  const { file, path } = logWith(t)
  const follower = followLog(file, { cursor: { name: 'ui', commit: 'manual' } })
  await follower.next()
  await follower.commit()
  rmSync(`${file}.cursors`, { recursive: true })
  await follower.next()
  await follower.commit()
  await follower.return()
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).seq, 2)
})
