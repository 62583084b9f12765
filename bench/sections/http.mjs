// X. What it costs a request that Node's channels tell of it: publishing the same messages on them with nobody
// listening, with queries recorded, and with model calls read off the wire (a stream of 200 pieces).
import { channel } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { adapter as http } from '../../dist/frameworks/http/adapter.js'
import { adapter as models } from '../../dist/frameworks/model-sdks/adapter.js'
import { Stage } from '../../dist/frameworks/stage.js'
import { startHive } from '../../dist/index.js'
import { median } from '../lib/stats.mjs'

const create = channel('undici:request:create')
const received = channel('undici:request:bodyChunkReceived')
const answered = channel('undici:request:headers')
const trailers = channel('undici:request:trailers')

const HEADERS = ['content-type', 'text/event-stream']
const PIECES = [
  ...Array.from({ length: 200 }, (_, i) => ({
    id: 'c-1',
    model: 'gpt-x',
    choices: [{ index: 0, delta: { content: ` word ${i}` } }],
    usage: null,
  })),
  { id: 'c-1', model: 'gpt-x', choices: [], usage: { prompt_tokens: 40, completion_tokens: 200 } },
].map((each) => Buffer.from(`data: ${JSON.stringify(each)}\n\n`))
PIECES.push(Buffer.from('data: [DONE]\n\n'))

function request(path, pieces) {
  const message = { origin: 'https://api.example.com', method: 'POST', path, headers: ['accept', '*/*'] }
  create.publish({ request: message })
  answered.publish({ request: message, response: { statusCode: 200, headers: HEADERS } })
  for (const chunk of pieces) received.publish({ request: message, chunk })
  trailers.publish({ request: message, trailers: [] })
}

/** Microseconds of one request. */
async function timeOf(path, pieces, times, rounds) {
  const found = []
  for (let round = 0; round < rounds; round++) {
    const from = performance.now()
    for (let i = 0; i < times; i++) request(path, pieces)
    found.push(((performance.now() - from) * 1000) / times)
    // What was recorded is written in between.
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  return median(found)
}

export default async function httpSection({ quick, dir }) {
  const rounds = quick ? 5 : 25
  const folder = mkdtempSync(join(dir, 'hivelog-bench-'))
  const of = async () => ({
    call: await timeOf('/v1/weather', [], 500, rounds),
    model: await timeOf('/v1/chat/completions', PIECES, 20, rounds),
  })
  const idle = await of()
  const hive = startHive({ file: join(folder, 'hive.jsonl'), fsync: 'no', otlp: false })
  const stage = new Stage(hive)
  http.install(stage)
  models.install(stage)
  const recorded = await of()
  await hive.shutdown()
  rmSync(folder, { recursive: true, force: true })
  const us = (value) => `${value.toFixed(2)} us`
  return {
    title: 'X. HTTP: what a request costs that is recorded',
    columns: ['request', 'nobody listens', 'recorded', 'more'],
    rows: [
      ['a query', us(idle.call), us(recorded.call), us(recorded.call - idle.call)],
      [
        'a model call, streamed in 200 pieces',
        us(idle.model),
        us(recorded.model),
        us(recorded.model - idle.model),
      ],
    ],
    note: `${rounds} rounds, medians.`,
    targets: [
      { what: 'a query recorded, µs', atMost: 30, measured: recorded.call - idle.call },
      { what: 'a model call of 200 pieces recorded, µs', atMost: 20, measured: recorded.model - idle.model },
    ],
  }
}
