// X. What it costs a request that Node's channels tell of it, by queries, and by model calls that are read off the wire
// (a document in one piece, and streams of 200 pieces, each with an id of its own). Beside it, in the same rounds and by channels of the same kind:
// the same messages with nobody listening, and with subscribers that do nothing, which is the least that any recording
// costs. A client that has no channel for its answers' bodies hands them over by a method of its own; that is beside it
// called as it is, and through a function that only calls it.
import { channel, subscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { adapter as http } from '../../dist/frameworks/http/adapter.js'
import { adapter as models } from '../../dist/frameworks/model-sdks/adapter.js'
import { Stage } from '../../dist/frameworks/stage.js'
import { startHive } from '../../dist/index.js'
import { inRounds, median } from '../lib/stats.mjs'

const NAMES = ['create', 'headers', 'bodyChunkReceived', 'trailers']
const channelsOf = (prefix) => NAMES.map((name) => channel(`${prefix}:${name}`))

const STREAM = ['content-type', 'text/event-stream']
const DOCUMENT = ['content-type', 'application/json']
const event = (json) => Buffer.from(`data: ${JSON.stringify(json)}\n\n`)
const DONE = Buffer.from('data: [DONE]\n\n')
let streams = 0

/** A model's answer in 200 pieces, how it ends, and its end. */
function streamOf() {
  const id = `c-${++streams}`
  const words = Array.from({ length: 200 }, (_, i) =>
    event({ id, model: 'gpt-x', choices: [{ index: 0, delta: { content: ` word ${i}` } }], usage: null }),
  )
  const usage = { prompt_tokens: 40, completion_tokens: 200 }
  return [...words, event({ id, model: 'gpt-x', choices: [], usage }), DONE]
}

/** A model's answer as a document, of 200 words too. */
function documentOf() {
  const id = `c-${++streams}`
  const content = Array.from({ length: 200 }, (_, i) => ` word ${i}`).join('')
  const usage = { prompt_tokens: 40, completion_tokens: 200 }
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
  return [Buffer.from(JSON.stringify({ id, object: 'chat.completion', model: 'gpt-x', choices, usage }))]
}

const KINDS = {
  query: { path: '/v1/weather', headers: DOCUMENT, times: 400, pieces: () => [] },
  document: { path: '/v1/chat/completions', headers: DOCUMENT, times: 20, pieces: documentOf },
  model: { path: '/v1/chat/completions', headers: STREAM, times: 20, pieces: streamOf },
}

class Client {
  length = 0
  origin = 'https://api.example.com'
  method = 'POST'
  headers = ['accept', '*/*']
  constructor(path) {
    this.path = path
  }
  onData(chunk) {
    this.length += chunk.length
  }
}

/** As Node 24's `fetch` tells of a body. */
function byChannel([create, answered, received, trailers], { path, headers }, pieces) {
  const request = new Client(path)
  create.publish({ request })
  answered.publish({ request, response: { statusCode: 200, headers } })
  for (const chunk of pieces) {
    received.publish({ request, chunk })
    request.length += chunk.length
  }
  trailers.publish({ request, trailers: [] })
}

/** As that of Node 20 and 22 does: not. */
function byMethod([create, answered, , trailers], { path, headers }, pieces) {
  const request = new Client(path)
  create.publish({ request })
  answered.publish({ request, response: { statusCode: 200, headers } })
  for (const chunk of pieces) request.onData(chunk)
  trailers.publish({ request, trailers: [] })
}

/** Microseconds of one request: until the client goes on, and CPU of the process until the lines are written. */
async function run({ channels, send }, kind) {
  const { times, pieces } = kind
  const bodies = Array.from({ length: times }, pieces)
  const cpu = process.cpuUsage()
  const from = performance.now()
  for (const each of bodies) send(channels, kind, each)
  const took = performance.now() - from
  // Some lines wait for somebody who knows more, 15 ms.
  await sleep(25)
  const { user, system } = process.cpuUsage(cpu)
  return { took: (took * 1e3) / times, cpu: (user + system) / times }
}

function listenIdly(prefix, wrapsMethod) {
  for (const name of NAMES) {
    const wraps = wrapsMethod && name === 'create'
    subscribe(`${prefix}:${name}`, wraps ? ({ request }) => wrap(request) : () => {})
  }
  return channelsOf(prefix)
}

function wrap(request) {
  const { onData } = request
  request.onData = (chunk) => onData.call(request, chunk)
}

export default async function httpSection({ quick, dir }) {
  const rounds = quick ? 9 : 25
  const folder = mkdtempSync(join(dir, 'hivelog-bench-'))
  const file = join(folder, 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no', otlp: false })
  const stage = new Stage(hive)
  http.install(stage)
  models.install(stage)
  const rows = []
  const measured = {}
  const cases = [
    ['query', 'a query', 'query', byChannel],
    ['document', 'a model call, its answer in one piece', 'document', byChannel],
    ['channel', 'a model call, its 200 pieces by a channel', 'model', byChannel],
    ['method', 'a model call, its 200 pieces by a method', 'model', byMethod],
  ]
  for (const [name, what, kind, send] of cases) {
    const sides = [
      channelsOf(`bench:nobody:${name}`),
      listenIdly(`bench:idle:${name}`, send === byMethod),
      channelsOf('undici:request'),
    ].map((channels) => ({ channels, send }))
    // The first requests of a process are those of a cold machine.
    const cold = (await run(sides[2], KINDS[kind])).took
    const costs = await inRounds(sides, rounds, (side) => run(side, KINDS[kind]))
    const of = (side, figure) => costs.get(side).map((each) => each[figure])
    const more = (side, figure) =>
      median(of(side, figure).map((cost, round) => cost - of(sides[0], figure)[round]))
    const us = (value) => value.toFixed(1)
    measured[name] = more(sides[2], 'took')
    rows.push([
      what,
      us(median(of(sides[0], 'took'))),
      us(more(sides[1], 'took')),
      us(measured[name]),
      us(more(sides[2], 'cpu')),
      us(cold),
    ])
  }
  await hive.shutdown()
  const told = readFileSync(file, 'utf8').split('"kind":"usage"').length - 1
  const calls = (rounds + 3) * (2 * KINDS.model.times + KINDS.document.times)
  if (told !== calls) throw new Error(`${calls} model calls and ${told} lines of them`)
  rmSync(folder, { recursive: true, force: true })
  return {
    title: 'X. HTTP: what a request costs that is recorded',
    columns: [
      'µs a request',
      'nobody listens',
      'who listens does nothing: more',
      'recorded: more',
      'recorded, CPU: more',
      'the first ones, in all',
    ],
    rows,
    note: `${rounds} rounds, medians of the differences within a round. CPU is of the whole process until the lines are in the file.`,
    targets: [
      { what: 'a query recorded, µs', atMost: 30, measured: measured.query },
      { what: 'a model call in one piece recorded, µs', atMost: 20, measured: measured.document },
      {
        what: 'a model call of 200 pieces by a channel recorded, µs',
        atMost: 20,
        measured: measured.channel,
      },
      { what: 'a model call of 200 pieces by a method recorded, µs', atMost: 20, measured: measured.method },
    ],
  }
}
