// B. agent.message() against a bare span.addEvent with the same attributes and time, and against that with a bare
// JSON.stringify of the line: what the agent waits for in the call, and all that the process spends on an event, file,
// seals and garbage collection included.
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { startHive } from '../../dist/index.js'
import { attributesOf, inputOf, objectOf } from '../lib/event.mjs'
import { countLines } from '../lib/files.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const TURN = 100
/** A span of the SDK keeps 128 events by default; hivelog begins a new one each 100. */
const PER_SPAN = 100

/** @param alsoLine whether the line is put together too, which is written nowhere */
function bareSpans(alsoLine) {
  const tracer = new BasicTracerProvider().getTracer('bench')
  const attributes = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.id': 'lead',
    'gen_ai.agent.name': 'lead',
  }
  const start = () =>
    tracer.startSpan(
      'invoke_agent lead',
      { kind: SpanKind.INTERNAL, attributes, startTime: Date.now() },
      ROOT_CONTEXT,
    )
  let span = start()
  let held = 0
  let length = 0
  return {
    record(i) {
      const now = Date.now()
      if (held === PER_SPAN) {
        span.end(now)
        span = start()
        held = 0
      }
      held++
      span.addEvent('hive.message', attributesOf(i), now)
      if (alsoLine) length += JSON.stringify(objectOf(i)).length
    },
    flush: async () => length,
  }
}

/** Turns of 100 calls; returns nanoseconds an event, in the call and in all. */
async function run({ record, flush }, events) {
  let inCall = 0
  const cpu = process.cpuUsage()
  const from = performance.now()
  for (let i = 0; i < events; ) {
    const began = performance.now()
    for (const end = i + TURN; i < end; i++) record(i)
    inCall += performance.now() - began
    await nextTurn()
  }
  const elapsed = performance.now() - from
  await flush()
  const { user, system } = process.cpuUsage(cpu)
  return {
    inCall: (inCall * 1e6) / events,
    elapsed: (elapsed * 1e6) / events,
    cpu: ((user + system) * 1e3) / events,
  }
}

export default async function message({ dir, quick }) {
  const rounds = quick ? 5 : 15
  const events = quick ? 30_000 : 40_000
  const file = join(dir, 'message.jsonl')
  const hive = startHive({ file, otlp: false, serviceName: 'bench' })
  const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
  const ours = {
    name: 'agent.message()',
    record: (i) => agent.message(inputOf(i)),
    flush: () => hive.flush(),
  }
  const bare = { name: 'span.addEvent', ...bareSpans(false) }
  const both = { name: 'addEvent + stringify', ...bareSpans(true) }
  const costs = await inRounds([ours, bare, both], rounds, (each) => run(each, events))
  await hive.shutdown()
  const recorded = events * rounds
  if (countLines(file) < recorded)
    throw new Error(`agent.message(): ${recorded} calls and only ${countLines(file)} lines`)
  const figures = (who, what) => costs.get(who).map((each) => each[what])
  const compare = (what, other = bare) => ratio(figures(ours, what), figures(other, what))
  const row = (label, what) => [
    label,
    median(figures(ours, what)).toFixed(0),
    median(figures(bare, what)).toFixed(0),
    compare(what).toFixed(2),
    median(figures(both, what)).toFixed(0),
    compare(what, both).toFixed(2),
  ]
  return {
    title: 'B. agent.message() and a bare span.addEvent',
    note:
      `${rounds} rounds of ${events} events each, turns of ${TURN} calls, a new span each ${PER_SPAN} events on both sides, ` +
      'SDK provider without exporter. The bare spans write no file, and the hive has no backend.',
    columns: ['ns/event', 'agent.message()', 'span.addEvent', 'ratio', 'addEvent + stringify', 'ratio'],
    rows: [
      row('in the call: what the agent waits for', 'inCall'),
      row('in all, elapsed, until after the turn', 'elapsed'),
      row('in all, CPU of the process, until flushed', 'cpu'),
    ],
    targets: [
      { what: 'message() / addEvent, in the call', atMost: 2, measured: compare('inCall') },
      { what: 'message() / addEvent, total CPU until flushed', atMost: 2, measured: compare('cpu') },
      {
        what: 'message() / addEvent + JSON.stringify, total CPU until flushed',
        atMost: 1,
        measured: compare('cpu', both),
      },
    ],
  }
}
