// O. A hive that writes its file and sends its spans over OTLP, as Protocol Buffers, against a bare SDK with a
// BatchSpanProcessor, OpenTelemetry's exporter for OTLP in JSON and the same events, which writes no file: CPU of the
// process until all is sent, and the longest stall of its event loop. The backend is a process of its own on the
// loopback.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { startHive } from '../../dist/index.js'
import { attributesOf, inputOf, SESSION } from '../lib/event.mjs'
import { countLines } from '../lib/files.mjs'
import { inRounds, median, ratio } from '../lib/stats.mjs'

const TURN = 100
/** A span of the SDK keeps 128 events by default; hivelog begins a new one each 100. */
const PER_SPAN = 100
const AGENT = {
  'gen_ai.operation.name': 'invoke_agent',
  'gen_ai.agent.id': 'lead',
  'gen_ai.agent.name': 'lead',
  'gen_ai.conversation.id': SESSION,
  'session.id': SESSION,
  'hive.agent.is_god': false,
}
const TOOL = {
  'gen_ai.agent.id': 'lead',
  'gen_ai.conversation.id': SESSION,
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': 'grep',
}

function bareSdk(url) {
  const provider = new BasicTracerProvider({
    // Its queue of 2,048 would drop what the hive sends.
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }), { maxQueueSize: 1e6 })],
  })
  const tracer = provider.getTracer('bench')
  const start = () =>
    tracer.startSpan(
      'invoke_agent lead',
      { kind: SpanKind.INTERNAL, attributes: AGENT, startTime: Date.now() },
      ROOT_CONTEXT,
    )
  let span = start()
  const parent = trace.setSpan(ROOT_CONTEXT, span)
  let held = 0
  return {
    message(i) {
      const now = Date.now()
      if (held === PER_SPAN) {
        span.end(now)
        span = start()
        held = 0
      }
      held++
      span.addEvent('hive.message', attributesOf(i), now)
    },
    tool() {
      const now = Date.now()
      tracer.startSpan('execute_tool grep', { attributes: TOOL, startTime: now - 3 }, parent).end(now)
    },
    flush: () => provider.forceFlush(),
    end: () => provider.shutdown(),
  }
}

function hiveSdk(url, file) {
  const hive = startHive({ file, otlp: { url }, serviceName: 'bench', sessionId: SESSION })
  const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
  return {
    message: (i) => agent.message(inputOf(i)),
    tool: () => agent.tool({ name: 'grep', ok: true, ms: 3 }),
    flush: async () => {
      await hive.tracerProvider.forceFlush()
      await hive.flush()
    },
    end: () => hive.shutdown(),
  }
}

async function run(record, flush, events) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  for (let i = 0; i < events; ) {
    for (const end = i + TURN; i < end; i++) record(i)
    await nextTurn()
  }
  await flush()
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  return { cpu: ((user + system) * 1e3) / events, stall: delay.max / 1e6 }
}

export default async function backend({ dir, quick }) {
  const rounds = quick ? 5 : 9
  const counts = { message: quick ? 20_000 : 40_000, tool: quick ? 5_000 : 10_000 }
  const sink = fork(new URL('../lib/trace-sink.mjs', import.meta.url), { execArgv: [] })
  const [port] = await once(sink, 'message')
  const url = `http://127.0.0.1:${port}/v1/traces`
  const file = join(dir, 'backend.jsonl')
  const ours = hiveSdk(url, file)
  const bare = bareSdk(url)
  const measured = {}
  for (const what of ['message', 'tool']) {
    measured[what] = await inRounds([ours, bare], rounds, (each) => run(each[what], each.flush, counts[what]))
  }
  await Promise.all([ours.end(), bare.end()])
  sink.disconnect()
  const recorded = (counts.message + counts.tool) * rounds
  if (countLines(file) < recorded) throw new Error(`${recorded} calls and only ${countLines(file)} lines`)
  const figures = (what, who, figure) => measured[what].get(who).map((each) => each[figure])
  const cpuRatio = (what) => ratio(figures(what, ours, 'cpu'), figures(what, bare, 'cpu'))
  const stall = median(figures('message', ours, 'stall'))
  return {
    title: 'O. A hive with OTLP and a bare SDK with BatchSpanProcessor',
    note:
      `${rounds} rounds of ${counts.message} messages and of ${counts.tool} tools, turns of ${TURN} calls, until all is ` +
      'with the backend, a process of its own. The hive writes its file too. CPU of the whole process.',
    columns: ['', 'hive', 'bare SDK', 'ratio'],
    rows: [
      ...['message', 'tool'].map((what) => [
        `${what}: CPU, ns an event`,
        median(figures(what, ours, 'cpu')).toFixed(0),
        median(figures(what, bare, 'cpu')).toFixed(0),
        cpuRatio(what).toFixed(2),
      ]),
      ...['message', 'tool'].map((what) => [
        `${what}: longest stall of a round, ms`,
        median(figures(what, ours, 'stall')).toFixed(1),
        median(figures(what, bare, 'stall')).toFixed(1),
        ratio(figures(what, ours, 'stall'), figures(what, bare, 'stall')).toFixed(2),
      ]),
    ],
    targets: [
      { what: 'hive with OTLP / bare SDK, CPU of a message', atMost: 0.8, measured: cpuRatio('message') },
      { what: 'hive with OTLP / bare SDK, CPU of a tool', atMost: 0.8, measured: cpuRatio('tool') },
      { what: 'longest stall of a hive with OTLP, ms', atMost: 20, measured: stall },
    ],
  }
}
