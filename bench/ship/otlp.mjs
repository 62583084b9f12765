// What a span and a log record of OTLP cost the server, which makes events of hives of them, beside a Collector that
// queues them on its disk and passes them on.
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { backends } from '../lib/backends.mjs'
import { sentOn, startCollector } from '../lib/collector.mjs'
import { logsRequest, RECORDS, spansRequest } from '../lib/otlp-requests.mjs'
import { otlpSink } from '../lib/otlp-sink.mjs'
import { cpuSeconds, residentMiB, until } from '../lib/programs.mjs'
import { startServe } from '../lib/serve-program.mjs'

/** Requests under way at a time. */
const SENDERS = 4
const WARM_UP = 8

const SIGNALS = {
  traces: { path: '/v1/traces', make: spansRequest, sent: 'spans', what: 'span' },
  logs: { path: '/v1/logs', make: logsRequest, sent: 'log_records', what: 'log record' },
}

function post(url, token, agent, body) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'content-length': body.length,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const answer = Buffer.concat(chunks)
        // All is taken: partial_success (field 1) is not there, or there is nothing in it.
        if (response.statusCode === 200 && /^(?:0a00)?$/.test(answer.toString('hex'))) resolve()
        else reject(new Error(`${url} answers ${response.statusCode}: ${answer}`))
      })
    })
    sent.on('error', reject).end(body)
  })
}

async function sendAll({ url, token }, path, bodies) {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS })
  let next = 0
  const sender = async () => {
    while (next < bodies.length) await post(`${url}${path}`, token, agent, bodies[next++])
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  agent.destroy()
}

/** @returns microseconds of a program's CPU for a record */
async function measure(program, { path }, bodies, isThrough) {
  await sendAll(program, path, bodies.slice(0, WARM_UP))
  await isThrough(WARM_UP * RECORDS)
  const before = cpuSeconds(program.pid)
  await sendAll(program, path, bodies.slice(WARM_UP))
  await isThrough(bodies.length * RECORDS)
  return ((cpuSeconds(program.pid) - before) / ((bodies.length - WARM_UP) * RECORDS)) * 1e6
}

/** Events that the server has made of what it got. */
function storedEvents(store, kinds) {
  let count = 0
  for (const session of readdirSync(store).filter((name) => name.startsWith('session-'))) {
    const text = readFileSync(join(store, session, 'events.jsonl'), 'utf8')
    for (const line of text.split('\n')) if (kinds.test(line)) count++
  }
  return count
}

export default async function otlp({ work, quick }) {
  const count = WARM_UP + (quick ? 60 : 300)
  const binary = backends('otelcol')()
  const sink = await otlpSink()
  const rows = []
  for (const [signal, of] of Object.entries(SIGNALS)) {
    const requests = Array.from({ length: count }, (_, number) => of.make(number))
    const plain = requests[0].body.length
    const bodies = requests.map(({ body }) => gzipSync(body, { level: constants.Z_BEST_SPEED }))
    const server = await startServe(join(work, signal))
    const row = [of.what, (plain / RECORDS).toFixed(0)]
    try {
      const cost = await measure(server, of, bodies, () => {})
      const events = storedEvents(server.store, /"kind":"(?:usage|tool)"/)
      // Each trace has an agent's span, which is a spawn and an exit.
      const wanted = signal === 'traces' ? (count * RECORDS * 31) / 32 : count * RECORDS
      if (events !== wanted) throw new Error(`${signal}: ${events} events of ${wanted} are stored`)
      row.push(cost.toFixed(1), (1e6 / cost).toFixed(0), residentMiB(server.pid).toFixed(0))
    } finally {
      await server.stop()
    }
    if (binary === undefined) row.push('', '')
    else {
      const collector = await startCollector(binary, join(work, signal), sink.url)
      try {
        const cost = await measure(collector, of, bodies, (records) =>
          until('the Collector has passed all on', async () => (await sentOn(collector, of.sent)) >= records),
        )
        row.push(cost.toFixed(1), residentMiB(collector.pid).toFixed(0))
      } finally {
        await collector.stop()
      }
    }
    rows.push(row)
  }
  sink.close()
  return {
    title: 'OTLP at the server',
    note: `${count - WARM_UP} requests of ${RECORDS} spans (31 of 32 are calls of a model or a tool, the last one is the agent above them) and as many of log records (Codex CLI's), Protocol Buffers with gzip, ${SENDERS} at a time, 20 sessions. The server makes events of them, redacted, and answers when they are on its disk; the Collector${binary === undefined ? ' is not here (scripts/backends.sh builds it)' : ' queues them on its disk (file_storage, fsync), answers then, and passes them on as they are'}.`,
    columns: [
      'what',
      'bytes',
      'serve: CPU µs',
      'a CPU second',
      'MiB resident',
      'Collector: CPU µs',
      'MiB resident',
    ],
    rows,
  }
}
