/**
 * Answers that tell of more than lines: artifacts, settings. What the API and MCP say is what the command says now, also
 * when something beside the log was changed after it was asked for before (docs/api.md: the JSON of the command).
 */
import assert from 'node:assert/strict'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Work } from '../../src/serve/api/work.js'
import { tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { httpAgent } from '../kit/mcp-client.js'
import { hivelog } from '../kit/reader-cli.js'
import { StoryLog } from '../kit/story.js'

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes
type Json = any

const OLD_MS = 2_100

/** Until the file is no new one: an answer about what changed just now is not kept. */
async function grownOld(path: string): Promise<void> {
  while (Date.now() - statSync(path).ctimeMs < OLD_MS) await pause(50)
}

async function printed(...args: string[]): Promise<Json> {
  return JSON.parse((await hivelog(args)).stdout)
}

/** A log whose third line names an artifact. */
async function snapshotLog(t: TestContext): Promise<{ file: string; artifact: string }> {
  const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
  const content = log.artifact('what it looked like')
  log
    .at(0, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: true })
    .at(2, 'snapshot', { agentId: 'a', label: 'one', ...content })
  const artifact = log.artifactPath(content.ref)
  await grownOld(artifact)
  return { file: log.file, artifact }
}

const CHANGES: [what: string, change: (artifact: string) => void, finding: string, status: string][] = [
  ['overwritten', (file) => writeFileSync(file, 'what it LOOKED like'), 'artifact-changed', 'changed'],
  ['taken away', (file) => rmSync(file), 'artifact-missing', 'missing'],
]

for (const [what, change, finding, status] of CHANGES) {
  test(`an artifact that was ${what} is found by verify and event, as by the commands`, async (t) => {
    const { file, artifact } = await snapshotLog(t)
    const api = await tempApi(t, { logs: [file] })
    const log = await api.log('hive.jsonl')
    const { events } = await api.get<{ events: { position: number; event: { kind: string } }[] }>(
      `${log}/events`,
    )
    const position = events.find(({ event }) => event.kind === 'snapshot')?.position
    for (let i = 0; i < 2; i++) {
      assert.equal((await api.get<Json>(`${log}/verify`)).ok, true)
      assert.equal((await api.get<Json>(`${log}/event/${position}`)).artifacts[0].status, 'ok')
    }
    change(artifact)
    const verified = await api.get<Json>(`${log}/verify`)
    assert.equal(verified.ok, false)
    assert.deepEqual(
      verified.logs[0].findings.map(({ kind }: Json) => kind),
      [finding],
    )
    assert.deepEqual(verified.logs, [await printed('verify', '--json', file)])
    const shown = await api.get<Json>(`${log}/event/${position}`)
    assert.equal(shown.artifacts[0].status, status)
    assert.deepEqual(shown, await printed('show', '--json', String(position), file))
  })

  test(`an artifact that was ${what} is found by the tools of MCP`, async (t) => {
    const { file, artifact } = await snapshotLog(t)
    const agent = await httpAgent(t, { logs: [file] })
    for (let i = 0; i < 2; i++) assert.equal((await agent.ask('verify')).report.ok, true)
    const before = await agent.ask('get_events', { what: '3' })
    assert.equal(before.report.artifacts[0].status, 'ok')
    change(artifact)
    const { report, items } = await agent.ask('verify')
    assert.equal(report.ok, false)
    assert.ok(JSON.stringify(items).includes(finding))
    const after = await agent.ask('get_events', { what: '3' })
    assert.equal(after.report.artifacts[0].status, status)
  })
}

test('a file that is called like a segment, and is none, is found', async (t) => {
  const { file } = await snapshotLog(t)
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  assert.equal((await api.get<Json>(`${log}/verify`)).ok, true)
  writeFileSync(file.replace('.jsonl', '.000000000000.jsonl'), '')
  const { ok, logs } = await api.get<Json>(`${log}/verify`)
  assert.equal(ok, false)
  assert.deepEqual(logs, [await printed('verify', '--json', file)])
})

test('settings of check that come, change and go beside the log are used at once', async (t) => {
  const { file } = await snapshotLog(t)
  const config = join(file, '..', '.hivelog-check.json')
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const same = async (hasConfig: boolean): Promise<void> => {
    const checked = await api.get<Json>(`${log}/check`)
    assert.equal(checked.config, hasConfig ? config : undefined)
    assert.deepEqual(checked, await printed('check', '--json', file))
  }
  await same(false)
  writeFileSync(config, '{"rules":{"silent-agent":{"severity":"off"}}}')
  await same(true)
  writeFileSync(config, '{}')
  await same(true)
  rmSync(config)
  await same(false)
})

test('an answer is made once as long as all that it tells of is the same', async (t) => {
  const folder = tempFolder(t)
  const [log, beside, other] = ['hive.jsonl', 'one', 'two'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(log, '{"ts":1,"kind":"note"}\n')
  writeFileSync(beside, 'one')
  await grownOld(beside)
  const work = new Work()
  let made = 0
  const ask = (files?: string[]) =>
    work.answer(
      [log],
      files === undefined ? 'plain' : 'with',
      async () => ({ made: ++made }),
      () => files && (() => files),
    )
  await ask()
  await ask()
  assert.equal(made, 1, 'it tells of nothing else')
  const files = [beside]
  await ask(files)
  await ask(files)
  assert.equal(made, 2)
  files.push(other)
  await ask(files)
  await ask(files)
  assert.equal(made, 3, 'another one counts, also one that is not there')
  writeFileSync(beside, 'eno')
  await ask(files)
  await ask(files)
  assert.equal(made, 5, 'what changed just now may have been looked at before')
  await ask()
  assert.equal(made, 5, 'that is nothing to another question')
})
