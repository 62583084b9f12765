/** A selection gives what reading everything and then leaving out what is not wanted gives. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { HiveEvent } from '../../src/format/kinds.js'
import { hiveBatches } from '../../src/read/hive.js'
import { isMalformed, type LogEntry, type LogItem } from '../../src/read/items.js'
import { ItemReader } from '../../src/read/lines.js'
import { logBatches, readLog } from '../../src/read/read.js'
import { LineScanner } from '../../src/read/scan.js'
import { type PassedOver, type Selection, Selector } from '../../src/read/select.js'
import { SelectingReader, timesOfLines } from '../../src/read/selecting-reader.js'
import { lines, selections } from '../kit/any-lines.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

/** What the conditions say, in the plainest way. */
function isWanted(event: HiveEvent, selection: Selection): boolean {
  const fields = event as Record<string, unknown>
  const { kinds = [], agents = [], traces = [], spans = [], ids = [] } = selection
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = selection
  const flat = (...values: unknown[]): unknown[] => values.flat()
  const lower = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value)
  const hasAny = (wanted: readonly string[], given: unknown[]): boolean =>
    wanted.length === 0 || given.some((value) => wanted.includes(value as string))
  const isKind = (kind: string): boolean =>
    kind.endsWith('*') ? event.kind.startsWith(kind.slice(0, -1)) : event.kind === kind
  return (
    (kinds.length === 0 || kinds.some(isKind)) &&
    hasAny(
      traces.map((id) => id.toLowerCase()),
      [lower(fields.trace)],
    ) &&
    hasAny(
      spans.map((id) => id.toLowerCase()),
      [lower(fields.span)],
    ) &&
    hasAny(ids, [fields.id, fields.inReplyTo, ...(Array.isArray(fields.ids) ? fields.ids : [])]) &&
    hasAny(agents, [
      ...flat(fields.agentId, fields.from, fields.to).filter((value) => typeof value === 'string'),
      ...(Array.isArray(fields.delivered) ? fields.delivered : []),
      ...(event.kind === 'agent-hold' ? [fields.id] : []),
    ]) &&
    event.ts >= since &&
    event.ts <= until
  )
}

const isEvent = (item: LogItem): item is LogEntry => !isMalformed(item)

const without = ({ latest: _, ...entry }: LogEntry): LogEntry => entry

/** Pushes the bytes in pieces. */
function itemsOf(reader: ItemReader, bytes: Buffer, pieces: readonly number[]): LogItem[] {
  const items: LogItem[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, pieces[i % pieces.length] ?? bytes.length)
    items.push(...reader.push(Buffer.from(bytes.subarray(at, at + size))))
    at += size
  }
  return [...items, ...reader.end()]
}

/** A line that may be passed over, by the rule's words: all else must be parsed. */
function looksRight(line: string): boolean {
  const [head] = /^\{"ts":(?:0|[1-9]\d{0,14}),"kind":"(?=[^"])/.exec(line) ?? []
  const rest = line.slice(head?.length).replace(/\r$/, '')
  return (
    head !== undefined &&
    rest.endsWith('}') &&
    !/"kind"|"ts"|\\u00[2-7]/.test(rest) &&
    [...rest].every((char) => char >= ' ') &&
    !rest.includes('\ufffd')
  )
}

test('a selection gives the same events at the same places, from whatever bytes', () => {
  assert.ok(LineScanner.shared(), 'this machine can scan')
  let passedOver = 0
  fc.assert(
    fc.property(
      lines,
      selections,
      fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 4 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 50 }),
      (given, selection, pieces, isEnded, count) => {
        const bytes = Buffer.concat(given.flatMap((line) => [line, Buffer.from('\n')]))
        const text = isEnded ? bytes : bytes.subarray(0, Math.max(0, bytes.length - 1))
        const start = { offset: 0, line: 0, count }
        const all = itemsOf(new ItemReader('f', start, { text: true }), text, pieces)
        const events = all.filter(isEvent)
        const last = selection.last === true ? events.at(-1) : undefined
        const wanted = events.filter((entry) => entry === last || isWanted(entry.event, selection))

        const passed: PassedOver = { lines: 0, unparsed: 0 }
        const reader = new SelectingReader('f', start, { text: true }, new Selector(selection), passed)
        const found = itemsOf(reader, text, pieces)
        const foundEvents = found.filter(isEvent)
        assert.deepEqual(foundEvents.map(without), wanted)

        const offsets = new Set(found.map(({ offset }) => offset))
        const inOrder = selection.last === true ? foundEvents : found
        assert.deepEqual(
          inOrder,
          inOrder.toSorted((a, b) => a.offset - b.offset),
        )
        for (const item of all.filter(isMalformed)) {
          if (offsets.has(item.offset)) assert.ok(found.some((each) => same(each, item)))
          else
            assert.ok(looksRight(text.toString('utf8', item.offset, item.offset + item.bytes)), item.reason)
        }
        for (const item of found.filter(isMalformed)) {
          const time = timesOfLines.get(item)
          if (selection.since === undefined && selection.until === undefined) {
            assert.equal(time, undefined)
            continue
          }
          const before = events.findLast(({ offset }) => offset < item.offset)
          const after = events.find(({ offset }) => offset > item.offset)
          const due = before ?? after
          // Only what is read at once is looked through for the one after it.
          if (before !== undefined || (pieces.length === 0 && isEnded))
            assert.equal(time?.ts, due?.event.ts ?? Number.NEGATIVE_INFINITY)
          else assert.ok([due?.event.ts, Number.NEGATIVE_INFINITY].includes(time?.ts))
        }
        assert.equal(passed.lines, all.length - found.length)
        assert.ok(passed.unparsed <= passed.lines)
        passedOver += passed.unparsed
        assert.equal(reader.count, count + all.length)
        assert.equal(
          reader.lastSeq,
          events.map(ownSeqOf).findLast((n) => n !== undefined),
        )
      },
    ),
    { numRuns: Number(process.env.SELECT_RUNS ?? cases(2000, 1400)), seed: seedOfRun() },
  )
  assert.ok(passedOver > 100, `${passedOver} lines were passed over: enough to mean something`)
})

const same = (a: LogItem, b: LogItem): boolean => JSON.stringify(a) === JSON.stringify(b)

function ownSeqOf({ event }: LogEntry): number | undefined {
  const { seq: n } = event as { seq?: unknown }
  return typeof n === 'number' && Number.isInteger(n) && n > 0 && n < 1e15 ? n : undefined
}

test('an event that is not wanted is passed over without being parsed; what could be one is not', () => {
  const reader = (line: string, selection: Selection): PassedOver & { given: number } => {
    const passed = { lines: 0, unparsed: 0 }
    const selecting = new SelectingReader(
      'f',
      { offset: 0, line: 0, count: 0 },
      {},
      new Selector(selection),
      passed,
    )
    const before = '{"ts":1,"kind":"head"}\n'
    const given = selecting.push(Buffer.from(`${before}${line}\n{"ts":1,"kind":"end"}\n`)).length
    return { lines: passed.lines - 1, unparsed: passed.unparsed, given }
  }
  const own = '{"ts":1,"kind":"message","from":"a","subject":"\\u001b[1m é \\"kind\\" {}","trace":"00ff"}'
  const passes: Selection[] = [
    { kinds: ['escalate'] },
    { kinds: ['mess', 'log.*'] },
    { traces: ['00fe'] },
    { agents: ['b'] },
    { ids: ['x'] },
    { spans: ['00ff00'] },
    { since: 2 },
    { until: 0 },
    { kinds: ['message'], agents: ['b'] },
  ]
  for (const selection of passes) {
    assert.deepEqual(reader(own, selection), { lines: 2, unparsed: 2, given: 0 }, JSON.stringify(selection))
    const ended = { ...selection, traces: selection.traces ?? [] }
    assert.equal(reader(`${own}\r`, ended).unparsed, 2, 'CRLF')
  }
  for (const line of [
    own.replace('é', '"kind":"x"'),
    own.replace('"from"', '"kind"'),
    own.replace('"from"', '"\\u006bind"'),
    own.slice(0, -1),
    ` ${own}`,
  ]) {
    assert.equal(reader(line, { kinds: ['escalate'] }).unparsed, 1, line)
  }
  assert.equal(reader(own, { kinds: ['message'] }).given, 1)
  assert.equal(reader(own, { kinds: ['mess*'] }).given, 1)
  assert.equal(reader(own, { traces: ['00FF'] }).given, 1)
  assert.equal(reader(own, { agents: ['a'] }).given, 1)
})

test('blocks of any size, lines longer than a block, more hits than a table holds', () => {
  const agent = (i: number): string => `agent-${i % 7}`
  const line = (i: number): string => {
    const filler = i % 3001 === 0 ? 'x'.repeat(300_000) : 'y'.repeat(i % 97)
    return JSON.stringify({
      ts: i,
      kind: i % 3 === 0 ? 'tool' : 'message',
      agentId: agent(i),
      filler,
      seq: i + 1,
      trace: i % 11 === 0 ? 'ABCD' : 'ef01',
    })
  }
  const short = Array.from({ length: 12_000 }, (_, i) => `{"ts":${i},"kind":"t","to":"a"}`)
  const bytes = Buffer.from(`${[...Array.from({ length: 8_000 }, (_, i) => line(i)), ...short].join('\n')}\n`)
  const start = { offset: 0, line: 0, count: 0 }
  const all = itemsOf(new ItemReader('f', start, {}), bytes, [1 << 20]) as LogEntry[]
  for (const selection of [
    { kinds: ['tool'] },
    { kinds: ['t'] },
    { agents: ['agent-3'] },
    { agents: ['a', 'agent-1'] },
    { traces: ['abcd'], kinds: ['message'] },
    { ids: ['none'], last: true },
    { since: 500, until: 4000 },
  ] satisfies Selection[]) {
    for (const size of [64 * 1024, bytes.length]) {
      const passed = { lines: 0, unparsed: 0 }
      const reader = new SelectingReader('f', start, {}, new Selector(selection), passed)
      const found = itemsOf(reader, bytes, [size]) as LogEntry[]
      const last = 'last' in selection ? all.at(-1) : undefined
      const wanted = all.filter((entry) => entry === last || isWanted(entry.event, selection))
      assert.equal(found.length, wanted.length, JSON.stringify(selection))
      assert.ok(found.every((entry, i) => same(without(entry), wanted[i] as LogEntry)))
      assert.equal(passed.lines, all.length - wanted.length)
      assert.ok(passed.unparsed > 0.5 * passed.lines)
    }
  }
})

test('a limit to the length of a line is kept where lines are passed over', () => {
  const passed = { lines: 0, unparsed: 0 }
  const selector = new Selector({ kinds: ['x'] })
  const reader = new SelectingReader(
    'f',
    { offset: 0, line: 0, count: 0 },
    { maxLineBytes: 50 },
    selector,
    passed,
  )
  const long = JSON.stringify({ ts: 1, kind: 'message', subject: 'y'.repeat(60) })
  const items = itemsOf(reader, Buffer.from(`${long}\n${long}\n{"ts":1,"kind":"x"}\n`), [1000])
  assert.deepEqual(
    items.map((item) => (isMalformed(item) ? item.reason : item.event.kind)),
    [`line of ${long.length} bytes is too long`, `line of ${long.length} bytes is too long`, 'x'],
  )
})

async function all(batches: AsyncIterable<LogItem[]>): Promise<LogItem[]> {
  const items: LogItem[] = []
  for await (const batch of batches) items.push(...batch)
  return items
}

/** Our own log of `segments` archived segments, the last but one compressed, and a live one. */
function writeSegments(dir: string, count: number, broken: boolean): string {
  const file = join(dir, 'hive.jsonl')
  let next = 1
  const segment = (ordinal: number, prev: string | undefined): { text: string; name: string } => {
    const name = `hive.${String(next).padStart(12, '0')}.jsonl`
    const out = [
      {
        ts: next,
        kind: 'log.open',
        format: 1,
        segment: ordinal,
        ...(prev && { prev: { file: prev } }),
        seq: next++,
      },
      { ts: 500 - next, kind: 'message', from: 'a', to: 'b', seq: next++ },
      { ts: next, kind: 'escalate', from: 'a', id: `e${next}`, seq: next++ },
      { ts: next, kind: 'log.gap', lost: 1, reason: 'x', seq: next++ },
      { ts: next, kind: 'message', from: 'b', to: 'a', seq: next++ },
    ]
    return { text: `${out.map((each) => JSON.stringify(each)).join('\n')}\n`, name }
  }
  let prev: string | undefined
  for (let i = 1; i <= count; i++) {
    const { text, name } = segment(i, prev)
    if (broken && i === 2) continue
    prev = name
    if (i === count) writeFileSync(`${join(dir, name)}.gz`, gzipSync(text))
    else writeFileSync(join(dir, name), text)
  }
  writeFileSync(file, segment(count + 1, prev).text)
  return file
}

test('over segments, plain and compressed, the chain is watched as ever', async (t) => {
  for (const broken of [false, true]) {
    const file = writeSegments(scratch(t), 4, broken)
    const everything = await all(logBatches(file))
    assert.equal(
      everything.filter((item) => isMalformed(item) && item.broken === true).length,
      broken ? 1 : 0,
    )
    for (const select of [{ kinds: ['escalate'] }, { kinds: ['nothing'] }, { agents: ['b'], last: true }]) {
      const lastOf = new Map(everything.filter((item) => !isMalformed(item)).map((item) => [item.file, item]))
      const wanted = everything.filter(
        (item) =>
          isMalformed(item) ||
          isWanted(item.event, select) ||
          ('last' in select && lastOf.get(item.file) === item),
      )
      const found = await all(logBatches(file, { select }))
      assert.deepEqual(
        found.map((item) => (isMalformed(item) ? item : without(item))),
        wanted,
      )
      const upTo = await all(logBatches(file, { select: { kinds: ['escalate'] }, to: 12 }))
      assert.deepEqual(
        upTo.map((item) => (isMalformed(item) ? 0 : item.seq)).filter((n) => n > 0),
        everything.flatMap((item) =>
          !isMalformed(item) && item.event.kind === 'escalate' && item.seq <= 12 ? [item.seq] : [],
        ),
      )
    }
  }
})

test('of several logs, the story of what is selected is the selection of the whole story', async (t) => {
  const dir = scratch(t)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { maxLength: 8 }), {
        minLength: 2,
        maxLength: 4,
      }),
      async (logs) => {
        const files = logs.map((times, i) => {
          const file = join(dir, `${i}.jsonl`)
          const text = times.map(([time, isWanted], n) =>
            JSON.stringify({ ts: time, kind: isWanted ? 'escalate' : 'message', seq: n + 1 }),
          )
          writeFileSync(file, text.map((line) => `${line}\n`).join(''))
          return file
        })
        const place = (item: LogItem & { log: string }): string =>
          `${item.log}:${isMalformed(item) ? '' : item.seq}`
        const story = await all(hiveBatches(files))
        const wanted = story.filter((item) => !isMalformed(item) && item.event.kind === 'escalate')
        const found = await all(hiveBatches(files, { select: { kinds: ['escalate'] } }))
        assert.deepEqual(
          found.map((item) => place(item as never)),
          wanted.map((item) => place(item as never)),
        )
      },
    ),
    { numRuns: cases(150, 50), seed: seedOfRun() },
  )
})

test('a selection that is none is told of', () => {
  assert.throws(() => readLog('x', { select: { kind: ['a'] } as Selection }), /did you mean `select.kinds`/)
  assert.throws(() => readLog('x', { select: { kinds: 'a' } as never }), /select.kinds/)
})
