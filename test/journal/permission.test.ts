/**
 * Under Node's permission model, which forbids to force a file to the disk by its descriptor, lines are synced all the
 * same, nothing is said to be lost, and who waits for a line to be on disk is told so.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { verifyLog } from '../../src/verify/verify.js'
import { packageRoot } from '../kit/hive-support.js'
import { tempFolder } from '../kit/journal-kit.js'

/** Newer ones know the old name no more. */
const permission =
  Number.parseInt(process.versions.node, 10) >= 24 || process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
const INDEX = new URL('../../src/index.js', import.meta.url).href

/** Records in a process of its own, whose log's folder is not there yet. Returns what it prints, as JSON. */
async function record(folder: string, program: string): Promise<Record<string, unknown>> {
  const source = `
    import fs from 'node:fs'
    import { startHive } from '${INDEX}'
    let isForbidden = false
    try { fs.fdatasyncSync(fs.openSync(process.argv[1] + '/probe', 'w')) } catch { isForbidden = true }
    const open = (options) => startHive({ file: process.argv[1] + '/log/hive.jsonl', otlp: false, ...options })
    const told = {}
    ${program}
    console.log(JSON.stringify({ isForbidden, ...told }))`
  const flags = [
    permission,
    '--no-warnings',
    `--allow-fs-read=${join(packageRoot(), '*')}`,
    `--allow-fs-read=${folder}/*`,
    `--allow-fs-write=${folder}/*`,
  ]
  const args = [...flags, '--input-type=module', '-e', source, folder]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  assert.equal(err, '')
  const told = JSON.parse(out)
  assert.equal(told.isForbidden, true)
  return told
}

const linesOf = (folder: string): { kind: string; subject?: string }[] =>
  readdirSync(join(folder, 'log'))
    .filter((name) => name.endsWith('.jsonl'))
    .sort((a, b) => (a === 'hive.jsonl' ? 1 : b === 'hive.jsonl' ? -1 : a < b ? -1 : 1))
    .flatMap((name) =>
      readFileSync(join(folder, 'log', name), 'utf8')
        .trimEnd()
        .split('\n'),
    )
    .map((line) => JSON.parse(line))

for (const fsync of ['always', 'everysec', 'no']) {
  test(`fsync ${fsync}: a decision is on disk before its promise resolves, and the log is one segment`, async (t) => {
    const folder = tempFolder(t)
    const told = await record(
      folder,
      `const hive = open({ fsync: '${fsync}' })
      const lead = hive.spawn({ agentId: 'lead' })
      lead.message({ to: 'x', act: 'inform', subject: 'before' })
      const { id } = lead.escalate({ subject: 'may I?', to: 'human' })
      await hive.approve(id, true, { by: 'ana' })
      told.isWritten = fs.readFileSync(process.argv[1] + '/log/hive.jsonl', 'utf8').includes('"approval"')
      await new Promise((resolve) => setTimeout(resolve, 1200))
      lead.snapshot({ label: 'work', content: 'x'.repeat(100_000) })
      await hive.shutdown()`,
    )
    assert.equal(told.isWritten, true)
    const kinds = linesOf(folder).map(({ kind }) => kind)
    assert.deepEqual(kinds.filter((kind) => kind === 'log.open').length, 1)
    assert.deepEqual(
      kinds.filter((kind) => kind === 'log.gap' || kind === 'log.changed'),
      [],
    )
    const { ok, findings } = await verifyLog(join(folder, 'log/hive.jsonl'))
    assert.deepEqual([ok, findings], [true, []])
  })
}

test('segments that are archived in the turn in which they are written are synced where they lie by then', async (t) => {
  const folder = tempFolder(t)
  await record(
    folder,
    `const hive = open({ rotate: { maxBytes: 65536, gzip: true } })
    const lead = hive.spawn({ agentId: 'lead' })
    for (let i = 0; i < 4000; i++) {
      lead.message({ to: 'x', act: 'inform', subject: 's' + i })
      if (i % 500 === 0) await hive.flush()
    }
    await hive.shutdown()`,
  )
  const file = join(folder, 'log/hive.jsonl')
  const { ok, findings, events } = await verifyLog(file)
  assert.deepEqual([ok, findings], [true, []])
  assert.ok(events > 4000)
  const gaps = linesOf(folder).filter(({ kind }) => kind === 'log.gap')
  assert.deepEqual(gaps, [])
})

test('a process that exits at once leaves all it recorded, and no word of a loss', async (t) => {
  const folder = tempFolder(t)
  await record(
    folder,
    `const hive = open({ fsync: 'always' })
    const lead = hive.spawn({ agentId: 'lead' })
    for (let i = 0; i < 100; i++) lead.message({ to: 'x', act: 'inform', subject: 's' + i })
    process.on('exit', () => console.log(JSON.stringify({ isForbidden })))
    process.exit(0)`,
  )
  const lines = linesOf(folder)
  assert.equal(lines.filter(({ kind }) => kind === 'message').length, 100)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'log.gap'),
    [],
  )
  // The next writer finds nothing amiss either.
  await record(folder, 'await open({}).shutdown()')
  assert.deepEqual(
    linesOf(folder).filter(({ kind }) => kind === 'log.gap' || kind === 'log.torn'),
    [],
  )
})
