// C. What a call takes when events come at a steady rate, and how long the event loop is held up.
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startHive } from '../../dist/index.js'
import {
  openAppendFileSync,
  openJournal,
  openPino,
  openSonicBoom,
  openWriteSync,
} from '../lib/contestants.mjs'
import { inputOf } from '../lib/event.mjs'
import { removeLog } from '../lib/files.mjs'
import { runDelay } from '../lib/run-delay.mjs'
import { quantile } from '../lib/stats.mjs'

const PER_MS = 100
const WARM_UP_MS = 1_000
const nothing = () => {}
/** As pino's documentation advises for asynchronous logging. */
const ASYNC = { sync: false, minLength: 4096 }
const waited = runDelay()

function openMessage(file) {
  const hive = startHive({ file, otlp: false, serviceName: 'bench' })
  const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
  return { write: (i) => agent.message(inputOf(i)), close: () => hive.shutdown() }
}

const CONTROL = 'idle (control)'
const MESSAGE = 'agent.message()'
const JOURNAL = 'hivelog journal'

/** `long`: measured for the full time; the others for a part. */
const CONTESTANTS = [
  { name: CONTROL, open: () => ({ write: nothing, close: nothing }), long: true },
  { name: MESSAGE, open: openMessage, long: true },
  { name: JOURNAL, open: (file) => openJournal(file), long: true },
  { name: 'sonic-boom async', open: (file) => openSonicBoom(file, ASYNC) },
  { name: 'pino async', open: (file) => openPino(file, ASYNC) },
  { name: 'writeSync per event', open: openWriteSync },
  { name: 'appendFileSync per event', open: openAppendFileSync },
]

/** What `performance.now()` itself adds to a measured call, in nanoseconds. */
function clockCost() {
  const samples = new Float64Array(100_000)
  for (let i = 0; i < samples.length; i++) samples[i] = -performance.now() + performance.now()
  return quantile(samples.sort(), 0.5) * 1e6
}

/**
 * Calls `write` at the steady rate for `ms`, a batch each millisecond. Resolves to the number of calls, and the
 * longest time between two batches that was not spent waiting for a processor.
 */
function pace(write, ms, samples) {
  return new Promise((resolve) => {
    const from = performance.now()
    let done = 0
    let last = from
    let lastWaited = waited?.() ?? 0
    let ownGap = 0
    const timer = setInterval(() => {
      const now = performance.now()
      const nowWaited = waited?.() ?? 0
      ownGap = Math.max(ownGap, now - last - (nowWaited - lastWaited))
      last = now
      lastWaited = nowWaited
      const due = Math.min(ms, now - from) * PER_MS
      for (; done < due; done++) {
        const began = performance.now()
        write(done)
        const took = performance.now() - began
        if (samples !== undefined) samples[done] = took
      }
      if (done < ms * PER_MS) return
      clearInterval(timer)
      resolve({ calls: done, ownGap })
    }, 1)
  })
}

async function measure({ name, open }, ms, file) {
  globalThis.gc?.()
  const writer = await open(file)
  await pace(writer.write, WARM_UP_MS)
  const samples = new Float64Array(ms * PER_MS + 1)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const from = performance.now()
  const { calls, ownGap } = await pace(writer.write, ms, samples)
  const elapsed = performance.now() - from
  delay.disable()
  await writer.close()
  removeLog(file)
  const sorted = samples.subarray(0, calls).sort()
  // The timers are due each millisecond: what they were late by is the stall.
  const late = (gap) => Math.max(0, gap - 1)
  return {
    name,
    sorted,
    stall: late(delay.max / 1e6),
    stall999: late(delay.percentile(99.9) / 1e6),
    ownStall: late(ownGap),
    rate: (calls / elapsed) * 1000,
  }
}

export default async function latency({ dir, quick }) {
  const long = quick ? 2_000 : 12_000
  const short = quick ? 1_000 : 4_000
  const overhead = clockCost()
  const results = []
  for (const each of CONTESTANTS) {
    results.push(await measure(each, each.long === true ? long : short, join(dir, 'latency.jsonl')))
  }
  const micros = ({ sorted }, share) => Math.max(0, (quantile(sorted, share) * 1e6 - overhead) / 1e3)
  const find = (name) => results.find((each) => each.name === name)
  const targets = [MESSAGE, JOURNAL].flatMap((name) => [
    { what: `p99 of a call, ${name}, µs`, atMost: 20, measured: micros(find(name), 0.99) },
    { what: `longest stall, ${name}, ms`, atMost: 10, measured: find(name).stall },
    ...(waited === undefined
      ? []
      : [
          {
            what: `longest stall not waiting for a CPU, ${name}, ms`,
            atMost: 10,
            measured: find(name).ownStall,
          },
        ]),
  ])
  const calls = (each) => [0.5, 0.99, 0.999, 1].map((share) => micros(each, share).toFixed(2))
  return {
    title: 'C. Latency at 100,000 events a second',
    note:
      `${PER_MS} calls each millisecond for ${long / 1000} s (the idle control, and hivelog) or ${short / 1000} s (others). ` +
      `The clock's own ${overhead.toFixed(0)} ns are taken off each call. Stall: what a timer due each millisecond was ` +
      'late by. The control records nothing: it tells what the machine adds. "own" leaves out the ' +
      'time in which other processes had all CPUs.',
    columns: [
      'writer',
      'p50 µs',
      'p99 µs',
      'p99.9 µs',
      'max µs',
      'stall p99.9 ms',
      'longest stall ms',
      'own ms',
      'events/s reached',
    ],
    rows: results.map((each) => [
      each.name,
      ...(each.name === CONTROL ? ['-', '-', '-', '-'] : calls(each)),
      each.stall999.toFixed(2),
      each.stall.toFixed(1),
      waited === undefined ? '?' : each.ownStall.toFixed(1),
      each.name === CONTROL ? '-' : Math.round(each.rate),
    ]),
    targets,
  }
}
