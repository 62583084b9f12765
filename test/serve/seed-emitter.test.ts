/**
 * Records as the article's emitter makes them, posted by curl and by Python's own library: the commands answer for them
 * as for any log.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { logOf, tempServer } from '../kit/serve-support.js'

const RATE = 0.00002
const AGENT = 'claude-researcher-prod-01'
const START = 1_790_000_000

interface SeedRecord {
  event: string
  payload: Record<string, unknown>
  tokens: number
}
const RECORDS: SeedRecord[] = [
  { event: 'task started', payload: { task: 't-1' }, tokens: 0 },
  { event: 'llm_call', payload: { model: 'm-1', task: 't-1' }, tokens: 1500 },
  { event: 'llm_call', payload: { model: 'm-1', task: 't-2' }, tokens: 700 },
  { event: 'escalate', payload: { to: 'human', subject: 'Delete the table?', id: 'e-1' }, tokens: 0 },
  { event: 'approval', payload: { id: 'e-1', approve: false, by: 'ana' }, tokens: 0 },
  { event: 'escalate', payload: { to: 'human', subject: 'Send the mail?', id: 'e-2' }, tokens: 0 },
]
const TOKENS = RECORDS.reduce((sum, { tokens }) => sum + tokens, 0)

const batch = (session: string): string =>
  JSON.stringify(
    RECORDS.map(({ event, payload, tokens }, checkpoint) => ({
      timestamp: START + checkpoint,
      agent_id: AGENT,
      session_id: session,
      trace: 'root_task_xyz/4f0c',
      checkpoint,
      event,
      payload,
      tokens,
      cost: tokens * RATE,
    })),
  )

const PYTHON = `
import json, sys, urllib.request
url, token, file = sys.argv[1:]
request = urllib.request.Request(url, open(file, "rb").read(), {"authorization": "Bearer " + token, "content-type": "application/json"})
print(urllib.request.urlopen(request).read().decode().strip())
`

/** What a program says; `undefined` when this machine has none of that name. */
function said(command: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args)
    let text = ''
    child.stdout.on('data', (data) => {
      text += data
    })
    child.once('error', () => resolve(undefined)).once('close', () => resolve(text))
  })
}

type Post = (url: string, token: string, file: string, folder: string) => Promise<string | undefined>

const POSTS: Record<string, Post> = {
  curl: (url, token, file) =>
    said('curl', ['-s', '-H', `authorization: Bearer ${token}`, '--data-binary', `@${file}`, url]),
  python3: (url, token, file, folder) => {
    const script = join(folder, 'post.py')
    writeFileSync(script, PYTHON)
    return said('python3', [script, url, token, file])
  },
}

for (const [program, post] of Object.entries(POSTS)) {
  test(`the emitter's records posted by ${program}: cost, audit, state`, async (t: TestContext) => {
    const server = await tempServer(t, undefined, ['ingest', 'decide'])
    const folder = tempFolder(t)
    const file = join(folder, 'batch.json')
    writeFileSync(file, batch('sess_1'))
    const url = `${server.url}/v1/ingest`
    const first = await post(url, server.token, file, folder)
    if (first === undefined) return t.skip(`there is no ${program}`)
    assert.deepEqual(JSON.parse(first), { accepted: RECORDS.length, duplicates: 0, rejected: [] })
    const again = await post(url, server.token, file, folder)
    assert.deepEqual(JSON.parse(again ?? ''), { accepted: 0, duplicates: RECORDS.length, rejected: [] })
    const log = logOf(server, 'sess_1')
    const told = async (...args: string[]) => JSON.parse((await hivelog([...args, '--json', log])).stdout)
    const cost = await told('cost', '--by', 'task')
    assert.equal(cost.total.inputTokens + cost.total.outputTokens, TOKENS)
    assert.equal(Number(cost.total.costUsd.toFixed(9)), Number((TOKENS * RATE).toFixed(9)))
    assert.deepEqual(cost.rows.map(({ key }: { key: string }) => key).sort(), ['t-1', 't-2'])
    const { stdout } = await hivelog(['audit', log])
    assert.match(stdout, /Delete the table\?/)
    assert.match(stdout, /ana/)
    const state = await told('state')
    assert.deepEqual(
      state.agents.map(({ agentId }: { agentId: string }) => agentId),
      [AGENT],
    )
    assert.deepEqual(
      state.pending.map(({ id, from }: { id: string; from: string }) => [id, from]),
      [['e-2', AGENT]],
    )
  })
}
