/** A log that is not any more what was sent of it: its copy stays as it is, and that is said. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { captureDiag, tempFolder, until } from '../kit/hive-support.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { tempServer } from '../kit/serve-support.js'

/** @param change what happens to the bytes that were sent */
const LOSSES: { name: string; change: (sent: Buffer) => Buffer; goesOn: boolean }[] = [
  { name: 'half a line', change: (sent) => sent.subarray(0, sent.length - 100), goesOn: true },
  { name: 'some lines', change: (sent) => wholeLines(sent.subarray(0, sent.length - 700)), goesOn: true },
  { name: 'nearly all', change: (sent) => wholeLines(sent.subarray(0, 600)), goesOn: true },
  {
    name: 'its end, and nothing came since',
    change: (sent) => wholeLines(sent.subarray(0, 2_000)),
    goesOn: false,
  },
  {
    name: 'one byte at its start',
    change: (sent) => changed(sent, sent.indexOf('"n":3') + 4),
    goesOn: false,
  },
  {
    name: 'one byte at its start, and went on',
    change: (sent) => changed(sent, sent.indexOf('"n":3') + 4),
    goesOn: true,
  },
]

const wholeLines = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.lastIndexOf('\n') + 1)

function changed(bytes: Buffer, at: number): Buffer {
  const other = Buffer.from(bytes)
  other[at] = '7'.charCodeAt(0)
  return other
}

for (const { name, change, goesOn } of LOSSES) {
  test(`a log that lost or changed ${name} is not mixed into its copy`, async (t) => {
    const folder = tempFolder(t)
    const file = join(folder, 'hive.jsonl')
    const server = await tempServer(t, join(folder, 'store'))
    const record = async (first: number): Promise<void> => {
      const hive = startHive({ file, sessionId: 'session' })
      const agent = hive.spawn({ agentId: 'a' })
      for (let i = 0; i < 30; i++) agent.log('x.y', { n: first + i })
      await hive.flush()
      const written = readFileSync(file)
      await hive.shutdown()
      // As a process leaves it that was killed.
      if (first === 0) writeFileSync(file, written)
    }
    await record(0)
    const to = ['--to', server.url, '--token', server.token, file]
    assert.equal((await hivelog(['ship', '--once', ...to])).code, 0)
    assert.equal((await hivelog(['ship', '--status', ...to])).code, 0)
    const stored = join(folder, 'store', 'session')
    const [copy] = readdirSync(stored).filter((path) => path.endsWith('.jsonl'))
    const sent = readFileSync(join(stored, copy as string))
    assert.ok(sent.equals(readFileSync(file)))

    writeFileSync(file, change(sent))
    rmSync(`${file}.lock`, { recursive: true, force: true })
    if (goesOn) await record(1_000)
    for (const act of ['--once', '--status']) {
      const { code, stdout, stderr } = await hivelog(['ship', act, ...to])
      assert.equal(code, 1, act)
      const lines = linesOf(act === '--once' ? stderr : stdout)
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(
        lines[0] as string,
        /copy of \S+hive\.jsonl holds \d+ bytes of the segment that begins at seq 1, and the log (only \d+|other ones there)/,
      )
    }
    assert.ok(readFileSync(join(stored, copy as string)).equals(sent), 'the copy is what was sent')
    assert.equal((await hivelog(['verify', join(stored, copy as string)])).code, 0)
  })
}

test('a hive says so too, and once', async (t) => {
  const said = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const server = await tempServer(t, join(folder, 'store'))
  const { url, token } = server
  const first = startHive({ file, ship: { url, token, flushMs: 10 } })
  first.spawn({ agentId: 'a' }).log('x.y', { n: 1 })
  await first.shutdown()
  assert.equal(first.shipping?.trouble, undefined)
  writeFileSync(file, wholeLines(readFileSync(file).subarray(0, -10)))
  const hive = startHive({ file, ship: { url, token, flushMs: 10 } })
  hive.spawn({ agentId: 'b' }).log('x.y', { n: 2 })
  await until(() => hive.shipping?.trouble !== undefined, 'the trouble')
  assert.match(hive.shipping?.trouble ?? '', /holds \d+ bytes of the segment/)
  await hive.shutdown()
  assert.equal(said.filter((line) => /is not sent: .*holds \d+ bytes/.test(line)).length, 1, said.join('\n'))
})

test('no message shows the password of a server’s address', async (t) => {
  const said = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const url = 'http://someone:pa55w0rd-of-mine@127.0.0.1:1/x?key=pa55w0rd-of-mine'
  const hive = startHive({ file, ship: { url, flushMs: 10, shutdownTimeoutMs: 300 } })
  hive.spawn({ agentId: 'a' }).log('x.y', { n: 1 })
  await until(() => hive.shipping?.trouble !== undefined, 'the trouble')
  const shown = JSON.stringify(hive.shipping)
  await hive.shutdown()
  assert.ok(
    said.some((line) => line.includes('http://127.0.0.1:1/x')),
    said.join('\n'),
  )
  const told = await hivelog(['ship', '--status', '--to', url, file])
  const wrong = await hivelog(['ship', '--once', '--to', url.replace('http', 'ftp'), file])
  for (const text of [...said, shown, told.stderr, told.stdout, wrong.stderr]) {
    assert.ok(!text.includes('pa55w0rd-of-mine'), text)
  }
})
