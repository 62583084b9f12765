/**
 * People decide by page, shell and code at once about what a hive in another process asks: one approval each, of the one
 * who was first, and everybody else is told who that was, and when.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Decision } from '../../src/decide/decision.js'
import { startHive } from '../../src/index.js'
import type { Desk } from '../../src/serve/api/shapes.js'
import { approvals, decidingHive, decidingServer, isTaken, until } from '../kit/deciding.js'
import { type Line, tempFolder } from '../kit/hive-support.js'
import { type CliResult, hivelog, MAIN } from '../kit/reader-cli.js'

const ME = userInfo().username
const COUNT = 100
const all = (ways: (() => void)[]): void => {
  for (const way of ways) way()
}
const IDS = Array.from({ length: COUNT }, (_, i) => `ask-${i}`)

/** What a line has to say that a way has written. */
const WAYS: Record<string, { approve: boolean; by: string; note: string }> = {
  page: { approve: true, by: ME, note: 'page' },
  cli: { approve: false, by: ME, note: 'shell' },
  code: { approve: false, by: 'cy', note: 'code' },
}

/** Another order of the same, and again the same order for the same step. */
const turned = (step: number): string[] => IDS.map((_, i) => IDS[(i * step) % COUNT] as string)

interface Told {
  approve: boolean
  by?: string | undefined
  via?: string | undefined
  ts: number
}

test('100 escalations decided from page, shell and code at once: one approval each, and every loser hears of it', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = await decidingHive(t, file, COUNT)
  const server = await decidingServer(t, [file])
  const log = await server.log()
  const shells = new Map<string, CliResult>()
  const pages = new Map<string, Promise<{ status: number; body: Record<string, unknown> }>>()
  const page = (id: string): void => {
    if (!pages.has(id)) pages.set(id, server.ask(`${log}/decisions`, { id, approve: true, note: 'page' }))
  }
  const coded = new Set<string>()
  const code = (id: string): void => {
    if (!coded.has(id)) hive.decide(id, false, 'cy')
    coded.add(id)
  }
  // The pace is that of the slowest, the shell. For the first half all three go for the same one in the same moment, and
  // take turns at beginning; for the rest each has an order of its own.
  const [byPage, byCode] = [turned(7), turned(13)]
  for (const [i, id] of IDS.entries()) {
    const isClose = i < COUNT / 2
    const ways = [
      () => page(isClose ? id : (byPage[i] as string)),
      () => code(isClose ? id : (byCode[i] as string)),
    ]
    if (i % 3 === 0) all(ways)
    const args = ['reject', id, '--note', 'shell', '--json', file]
    const shell = hivelog(args)
    if (i % 3 === 1) all(ways.reverse())
    else if (i % 3 === 2) setTimeout(all, i % 20, ways.reverse())
    shells.set(id, await shell)
  }
  // Whoever has not had a word with each comes too late.
  for (const id of IDS) {
    page(id)
    code(id)
  }
  const answers = new Map<string, { status: number; body: Record<string, unknown> }>()
  for (const [id, answer] of pages) answers.set(id, await answer)
  await until(() => hive.heard.size === COUNT && hive.code.size === COUNT && isTaken(file))
  await until(async () => ((await server.ask(`${log}/desk`)).body as unknown as Desk).pending.length === 0)
  const { decided } = (await server.ask(`${log}/desk`)).body as unknown as Desk
  await hive.end()

  const lines = approvals(file)
  assert.deepEqual(lines.map(({ id }) => id).sort(), [...IDS].sort(), 'one approval each')
  const won = { page: 0, cli: 0, code: 0 }
  for (const id of IDS) {
    const line = lines.find((each) => each.id === id) as Line
    const via = line.via as keyof typeof won
    won[via]++
    const { approve, by, note } = line
    assert.deepEqual({ approve, by, note }, WAYS[via], `all of ${id} is of one person`)
    const said = ({ ts: _, ...rest }: Told & { note?: string | undefined }): object => rest
    assert.deepEqual(said(hive.heard.get(id) as Told), { approve, by, via, note }, 'the agent hears the line')

    const told = (earlier: Told | undefined, way: string): void => {
      assert.deepEqual(
        earlier && { approve: earlier.approve, by: earlier.by, via: earlier.via },
        { approve, by, via },
        `${way} hears who decided ${id}`,
      )
      assert.ok(Math.abs((earlier as Told).ts - line.ts) < 5_000, `${way} hears when ${id} was decided`)
    }
    if (via === 'code') assert.equal(hive.code.get(id), undefined)
    else told(hive.code.get(id), 'code')

    const shell = shells.get(id) as CliResult
    const shown = JSON.parse(shell.stdout) as Decision & { status: string; earlier?: Told; place: object }
    assert.equal(shell.code, via === 'cli' ? 0 : 1, `${shell.stdout}${shell.stderr}`)
    if (via === 'cli') assert.equal(shown.status, 'recorded')
    else told(shown.earlier, 'the shell')

    // Who has put a decision that somebody overtook sees it on the desk, as the page does.
    const { status, body } = answers.get(id) as { status: number; body: Record<string, unknown> }
    const entry = decided.find((each) => each.id === id) as Desk['decided'][number]
    assert.deepEqual([entry.approve, entry.by, entry.via, entry.decidedTs], [approve, by, via, line.ts])
    if (via === 'page') assert.equal(status, 202)
    else if (status !== 202) {
      assert.equal(status, 409)
      if ('place' in body) told(body.earlier as Told, 'the page')
    }
  }
  t.diagnostic(`won: ${JSON.stringify(won)}`)
  for (const [way, count] of Object.entries(won)) assert.ok(count > 0, `${way} was in the race`)
})

test('of two shells in the same moment one is told that it is recorded, and the other who was first', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = await decidingHive(t, file, 3)
  for (const id of ['ask-0', 'ask-1', 'ask-2']) {
    const shells = await Promise.all([shell('approve', id, file), shell('reject', id, file)])
    const [line, ...more] = approvals(file).filter((each) => each.id === id)
    assert.deepEqual(more, [])
    assert.deepEqual(shells.map(({ code }) => code).sort(), [0, 1])
    for (const { code, approve, told } of shells) {
      assert.equal(code === 0, line?.approve === approve)
      assert.equal(told.status, code === 0 ? 'recorded' : 'decided')
      if (code === 1) assert.deepEqual([told.earlier.approve, told.earlier.by], [line?.approve, ME])
    }
  }
  await hive.end()
})

/** The command as a process of its own. */
function shell(name: 'approve' | 'reject', id: string, file: string) {
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at
  return new Promise<{ code: number; approve: boolean; told: any }>((resolve) => {
    execFile(process.execPath, [MAIN, name, id, '--json', file], (error, stdout) => {
      resolve({ code: Number(error?.code ?? 0), approve: name === 'approve', told: JSON.parse(stdout) })
    })
  })
}

test('a hive killed while page and shell decide: each is decided once after its restart', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = await decidingHive(t, file, COUNT)
  const server = await decidingServer(t, [file])
  const log = await server.log()
  const sent = IDS.map((id, i) => server.ask(`${log}/decisions`, { id, approve: i % 2 === 0 }))
  await until(() => approvals(file).length > 0)
  await hive.kill()
  const answers = await Promise.all(sent)
  const before = approvals(file).length
  assert.ok(answers.every(({ status }) => status === 202))
  const shell = await hivelog(['approve', 'ask-99', '--json', file])
  assert.equal(
    JSON.parse(shell.stdout).status,
    'decided',
    'the page was first, also where it waits for the hive',
  )
  t.diagnostic(`${before} lines were there before it was killed`)
  const next = startHive({ file, fsync: 'no' })
  await until(() => isTaken(file))
  await next.shutdown()
  assert.deepEqual(
    approvals(file)
      .map(({ id, approve, by, via }) => [id, approve, by, via])
      .sort(),
    IDS.map((id, i) => [id, i % 2 === 0, ME, 'page']).sort(),
  )
})
