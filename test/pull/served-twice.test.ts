/** A server that was given a log as LOG and received a copy of it, too: it is one log, and comes once. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { pullSession } from '../../src/pull/pull.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

const idOf = (bytes: Buffer): string =>
  createHash('sha256')
    .update(bytes.subarray(0, bytes.indexOf(10)))
    .digest('hex')
    .slice(0, 16)

/** All files below a folder that are lines or artifacts, by their paths in it. */
function filesBelow(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.jsonl$|^[0-9a-f]{64}$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
  return Object.fromEntries(
    names.sort().map((name) => [name.slice(folder.length + 1), readFileSync(name, 'latin1')]),
  )
}

test('it is pulled once, as far as the file of the two that goes further', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'here', 'hive.jsonl')
  const { server } = await tempApi(t, { logs: [file], store: join(folder, 'store') })
  const shipping = { url: server.url, token: server.token as string, once: true }
  const hive = startHive({ file, sessionId: 's', rotate: { maxBytes: 4_000 } })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
  const child = startHive({ file: lead.env().HIVELOG_FILE as string, sessionId: 's' })
  child.log('child.note', {})
  const { id, durable } = lead.escalate({ subject: 'Drop the users table?' })
  await durable
  await hive.approve(id, false, { by: 'ana' })
  lead.snapshot({ content: 'state' })
  for (let i = 0; i < 30; i++) {
    lead.message({ to: 'lead', act: 'inform', subject: `step ${i}` })
    await hive.flush()
  }
  await child.flush()
  await shipLogs([file], shipping)
  // The copy lags from here on.
  lead.message({ to: 'lead', act: 'inform', subject: 'the last one' })
  await child.shutdown()
  await hive.shutdown()
  const originals = filesBelow(join(folder, 'here'))
  assert.ok(Object.keys(originals).length >= 5, 'segments, a child, an artifact')

  const out = join(folder, 'out')
  const pulled = await pullSession({ url: server.url, token: server.token as string, session: 's', out })
  assert.deepEqual(filesBelow(out), originals)
  const first = readFileSync(join(folder, 'here', 'hive.000000000001.jsonl'))
  const kid = readFileSync(join(folder, 'here', 'hive.jsonl.agents', 'lead.jsonl'))
  assert.deepEqual(
    pulled.map(({ log, conflicts }) => [log, conflicts]),
    [
      [idOf(first), []],
      [idOf(kid), []],
    ],
  )

  const env = { AGENT_LOG_TOKEN: server.token as string }
  const audit = await hivelog(['audit', '--from', server.url, '--session', 's'], { env })
  assert.equal(audit.code, 0, audit.stdout + audit.stderr)
  assert.match(audit.stdout, /^1 escalation: 1 rejected$/m)
})

test('where the two files differ, the place is named', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const lines = ['first', 'second', 'third', 'fourth'].map(
    (text, i) => `{"ts":${i + 1},"kind":"note","text":"${text}","seq":${i + 1},"session":"s"}\n`,
  )
  writeFileSync(file, lines.join(''))
  const { server } = await tempApi(t, { logs: [file], store: join(folder, 'store') })
  const token = server.token as string
  await shipLogs([file], { url: server.url, token, once: true })
  writeFileSync(file, [lines[0], lines[1], lines[2]?.replace('third', 'THIRD'), lines[3]].join(''))

  const out = join(folder, 'out')
  const pulled = await pullSession({ url: server.url, token, session: 's', out })
  const third = (lines[0] as string).length + (lines[1] as string).length
  assert.deepEqual(
    pulled.map(({ conflicts }) => conflicts),
    [[{ segment: 1, offset: third }]],
  )
  const args = ['pull', '--from', server.url, '--session', 's', '--token', token, '--out', out, '--replace']
  const told = await hivelog(args)
  assert.equal(told.code, 1)
  assert.match(told.stdout, new RegExp(`two different lines at byte ${third} of the segment`))
})
