/**
 * The story of a hive has one order, however it is asked for, on logs whose clocks run back and that have lines of one
 * time: reading all and a selection, following, the last lines, the command, the API, its stream, and the tools.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { followHive } from '../../src/read/follow-hive.js'
import { type HiveItem, hiveBatches } from '../../src/read/hive.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { tailHive } from '../../src/read/tail-hive.js'
import type { EventPage, PositionAnswer } from '../../src/serve/api/shapes.js'
import { tempApi } from '../kit/api-server.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { httpAgent } from '../kit/mcp-client.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { collect, scratch } from '../kit/reader-log.js'
import { SseReader } from '../kit/sse.js'

/** A line of a log: an event of a time and a kind, or none. */
type Given = { ts: number; kind: 'note' | 'step' } | 'no event'

/** Paths of the logs of a hive in their order: the hive's own, its children by name, and theirs. */
const LOGS = ['hive.jsonl', 'a.jsonl', 'b.jsonl', 'c.jsonl'] as const
const pathOf = (folder: string, i: number): string => {
  const agents = join(folder, 'hive.jsonl.agents')
  const paths = [join(folder, 'hive.jsonl'), join(agents, 'a.jsonl'), join(agents, 'b.jsonl')]
  return paths[i] ?? join(agents, 'a.jsonl.agents', 'c.jsonl')
}

/** What tells a line from all others: its log, and its number there. */
const nameOf = (log: number, line: number): string => `${LOGS[log]}:${line + 1}`

function write(folder: string, logs: readonly (readonly Given[])[]): string {
  rmSync(folder, { recursive: true, force: true })
  for (const [log, lines] of logs.entries()) {
    const path = pathOf(folder, log)
    mkdirSync(dirname(path), { recursive: true })
    const texts = lines.map((line, i) => {
      const name = nameOf(log, i)
      return line === 'no event' ? `no event ${name}` : JSON.stringify({ ...line, name, seq: i + 1 })
    })
    writeFileSync(path, texts.map((text) => `${text}\n`).join(''))
  }
  return pathOf(folder, 0)
}

/** The rule of docs/hive.md, written a second time: sorted by the time at which each line stands, log, and line. */
function expectedOrder(logs: readonly (readonly Given[])[]): { name: string; line: Given }[] {
  const all = logs.flatMap((lines, log) => {
    let time = lines.find((line) => line !== 'no event') as { ts: number } | undefined
    return lines.map((line, i) => {
      if (line !== 'no event' && line.ts > (time?.ts ?? 0)) time = line
      return { name: nameOf(log, i), line, key: [time?.ts ?? Number.NEGATIVE_INFINITY, log, i] as const }
    })
  })
  const compare = (a: readonly number[], b: readonly number[]): number => {
    const at = a.findIndex((value, i) => value !== b[i])
    return at === -1 ? 0 : (a[at] as number) < (b[at] as number) ? -1 : 1
  }
  return all.sort((a, b) => compare(a.key, b.key))
}

const given = (item: HiveItem): string =>
  isMalformed(item)
    ? item.malformed.slice('no event '.length)
    : (item.event as unknown as { name: string }).name

const lines = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ ts: fc.nat(8), kind: fc.constantFrom('note' as const, 'step' as const) }),
    },
    { weight: 1, arbitrary: fc.constant('no event' as const) },
  ),
  { maxLength: 12 },
)
const hives = fc.tuple(lines, lines, lines, lines)

test('reading, selecting, following and the last lines give lines in the one order of the rule', async (t) => {
  const folder = join(scratch(t), 'hive')
  await fc.assert(
    fc.asyncProperty(hives, fc.nat(20), async (logs, n) => {
      const file = write(folder, logs)
      const all = expectedOrder(logs)
      const steps = all.filter(({ line }) => line !== 'no event' && line.kind === 'step')
      const names = (items: readonly { name: string }[]): string[] => items.map(({ name }) => name)
      const last = <T>(items: T[]): T[] => items.slice(Math.max(0, items.length - n))
      const isStep = (item: LogItem): boolean => !isMalformed(item) && item.event.kind === 'step'

      const read = (await collect(hiveBatches(file))).flat()
      assert.deepEqual(read.map(given), names(all), 'all')
      const selected = (await collect(hiveBatches(file, { select: { kinds: ['step'] } }))).flat()
      assert.deepEqual(selected.filter(isStep).map(given), names(steps), 'a selection')
      const followed = await collect(followHive(file, { stopAtEnd: true }))
      assert.deepEqual(followed.map(given), names(all), 'followed')
      const filtered = await collect(followHive(file, { stopAtEnd: true, filter: isStep }))
      assert.deepEqual(filtered.map(given), names(steps), 'followed with a filter')
      const tail = await collect(tailHive(file, n))
      assert.deepEqual(tail.map(given), names(last(all)), 'the last')
      const tailOfSteps = await collect(tailHive(file, n, { filter: isStep }))
      assert.deepEqual(tailOfSteps.map(given), names(last(steps)), 'the last with a filter')
      const fromLast = await collect(followHive(file, { stopAtEnd: true, from: { last: n } }))
      assert.deepEqual(fromLast.map(given), names(last(all)), 'followed from the last')
    }),
    { numRuns: cases(150, 50), seed: seedOfRun() },
  )
})

/** Clocks that run back within logs and are behind each other, with lines of one time. */
const SAMPLES = fc.sample(
  hives.filter((logs) => logs.every((each) => each.filter((line) => line !== 'no event').length > 4)),
  { numRuns: 3, seed: 7 },
)

for (const [i, logs] of SAMPLES.entries()) {
  test(`the command, the API, its stream and the tools tell the story in that order (${i + 1})`, async (t) => {
    const file = write(join(scratch(t), 'hive'), logs)
    const events = expectedOrder(logs).filter(({ line }) => line !== 'no event')
    const names = events.map(({ name }) => name)
    const { stdout } = await hivelog(['cat', '--json', file])
    const printed = linesOf(stdout).map((line) => JSON.parse(line).name)
    assert.deepEqual(
      printed.filter((name) => name !== undefined),
      names,
    )

    const api = await tempApi(t, { logs: [file] })
    const log = await api.log('hive.jsonl')
    const { events: placed } = await api.get<EventPage>(`${log}/events?limit=1000`)
    const nameIn = (event: object): string => (event as { name: string }).name
    assert.deepEqual(
      placed.map(({ event }) => nameIn(event)),
      names,
    )
    assert.deepEqual(
      placed.map(({ position }) => position),
      names.map((_, at) => at + 1),
    )
    for (const ts of [0, 4, 8]) {
      const later = events.findIndex(({ line }) => line !== 'no event' && line.ts > ts)
      const count = later === -1 ? events.length : later
      const response = await api.ask(`${log}/position?ts=${ts}`)
      const { position } = (await response.json()) as Partial<PositionAnswer>
      assert.equal(position, count === 0 ? undefined : count, `before what is later than ${ts}`)
    }

    const response = await api.ask(`${log}/live?from=0`)
    const stream = new SseReader(response)
    const sent = await stream.first('event', names.length)
    const told = sent.map(({ data }) => nameIn((data as { event: object }).event))
    assert.deepEqual(told, names)

    const agent = await httpAgent(t, { logs: [file] })
    const { items } = await agent.all('get_events', { from: 1, to: names.length })
    assert.deepEqual(
      items.map(({ event }) => nameIn(event)),
      names,
    )
  })
}

test('what comes late while it is followed is given when it comes, and takes no place from what was given', async (t) => {
  const folder = join(scratch(t), 'hive')
  const file = write(folder, [
    [
      { ts: 5, kind: 'note' },
      { ts: 9, kind: 'note' },
    ],
    [{ ts: 7, kind: 'note' }],
  ])
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const told = async (): Promise<string[]> => {
    const { events } = await api.get<EventPage>(`${log}/events?limit=1000`)
    return events.map(({ event, log: own = '' }) => `${event.ts} ${basename(own)}`)
  }
  const before = ['5 hive.jsonl', '7 a.jsonl', '9 hive.jsonl']
  assert.deepEqual(await told(), before)
  const late = JSON.stringify({ ts: 6, kind: 'note', seq: 2 })
  writeFileSync(pathOf(folder, 1), `${late}\n`, { flag: 'a' })
  let now = await told()
  while (now.length < 4) now = await told()
  assert.deepEqual(now, [...before, '6 a.jsonl'])
})
