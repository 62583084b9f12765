/** Waits until Jaeger has a hive, compares, prints the counts as a table, and fails when they are not equal. */
import assert from 'node:assert/strict'
import { AGENTS, EVENTS } from '../hive/plan.js'
import { compare, type Row } from './compare.js'
import { type WantedHive, wantedOf } from './hive-log.js'
import { pause } from './program.js'
import { type StoredSpan, storedTrace } from './trace.js'

/** Everything that Jaeger has of a hive, once it has all spans or no more of them come. */
export async function storedHive(query: string, wanted: WantedHive, quietMs = 5_000): Promise<StoredSpan[]> {
  const ids = new Set(wanted.lines.map((line) => line.span))
  let spans: StoredSpan[] = []
  let since = Date.now()
  for (;;) {
    const found = (await Promise.all(wanted.traces.map((id) => storedTrace(query, id)))).flat()
    if (found.length !== spans.length) since = Date.now()
    spans = found
    if (spans.length >= ids.size || Date.now() - since > quietMs) return spans
    await pause(1_000)
  }
}

/** The files tell of each agent and each event, once. */
export function assertWhole(file: string): void {
  const { lines, lives } = wantedOf(file)
  assert.equal(lines.length, EVENTS)
  assert.equal(lives.filter(({ spawn }) => spawn !== undefined).length, AGENTS)
}

/** @param quietMs how long nothing must come before what is missing is said to be missing */
export async function assertSame(
  title: string,
  file: string,
  query: string,
  quietMs?: number,
): Promise<void> {
  const wanted = wantedOf(file)
  assert.equal(wanted.traces.length, 1, 'one trace')
  const { rows, problems } = compare(wanted, await storedHive(query, wanted, quietMs))
  print(title, rows)
  assert.deepEqual(problems, [])
}

/** The table that the suite is for. */
export function print(title: string, rows: readonly Row[]): void {
  const lines = [
    ['', 'in the file', 'in Jaeger', 'equal'],
    ...rows.map(({ what, file, jaeger, equal }) => [
      what,
      ...[file, jaeger, equal].map((n) => n.toLocaleString('en')),
    ]),
  ]
  const text = lines.map(
    ([what = '', ...numbers]) => what.padEnd(20) + numbers.map((n) => n.padStart(14)).join(''),
  )
  console.log([title, ...text.map((line) => `  ${line}`)].join('\n'))
}
