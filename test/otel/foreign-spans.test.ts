/** Spans after the GenAI conventions, of frameworks that never heard of hivelog, are a hive's events too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { captureDiag, eventsOf, type Line, oneEvent } from '../kit/hive-support.js'
import { type Registration, tempProvider, within, withinAgent } from '../kit/otel-provider.js'

const REGISTERED: Registration[] = ['live', 'simple', 'batch', 'live and batch']

/** The line without the envelope, and without the time. */
function fieldsOf({
  ts,
  kind,
  seq,
  session,
  checkpoint,
  trace,
  span,
  ...fields
}: Line): Record<string, unknown> {
  return fields
}

interface Work {
  what: string
  name: string
  kind?: SpanKind
  attributes: Attributes
  error?: string
  line: [kind: string, fields: Record<string, unknown>]
}

/** A span within an agent, 25 ms long, and the line that it stands for. */
const WORK: Work[] = [
  {
    what: 'a tool',
    name: 'execute_tool grep',
    attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'grep' },
    line: ['tool', { agentId: 'coder', name: 'grep', ok: true, ms: 25 }],
  },
  {
    what: 'a tool that is told by the name of its span alone',
    name: 'execute_tool grep',
    attributes: {},
    line: ['tool', { agentId: 'coder', name: 'grep', ok: true, ms: 25 }],
  },
  {
    what: 'a tool that failed',
    name: 'execute_tool rm',
    attributes: { 'gen_ai.operation.name': 'execute_tool' },
    error: 'no such file',
    line: ['tool', { agentId: 'coder', name: 'rm', ok: false, ms: 25, error: 'no such file' }],
  },
  {
    what: 'a model call',
    name: 'chat m-1',
    kind: SpanKind.CLIENT,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'm-1',
      'gen_ai.response.model': 'm-1-2026',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 3,
      'gen_ai.usage.cache_creation.input_tokens': 4,
      'server.address': 'api.model.com',
      'http.request.method': 'POST',
    },
    line: [
      'usage',
      {
        agentId: 'coder',
        model: 'm-1-2026',
        provider: 'anthropic',
        inputTokens: 100,
        outputTokens: 20,
        cacheReadTokens: 3,
        cacheWriteTokens: 4,
        ms: 25,
      },
    ],
  },
  {
    what: 'a model call of the conventions before',
    name: 'embeddings m-2',
    attributes: { 'gen_ai.system': 'openai', 'gen_ai.request.model': 'm-2', 'gen_ai.usage.input_tokens': 5 },
    line: [
      'usage',
      { agentId: 'coder', model: 'm-2', provider: 'openai', inputTokens: 5, outputTokens: 0, ms: 25 },
    ],
  },
  {
    what: 'a model call that counts only what came out',
    name: 'chat m-3',
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm-3',
      'gen_ai.usage.output_tokens': 7,
    },
    line: ['usage', { agentId: 'coder', model: 'm-3', outputTokens: 7, ms: 25 }],
  },
  {
    what: 'a model call whose texts are none',
    name: 'chat m-4',
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm-4',
      'gen_ai.response.model': 4,
      'gen_ai.usage.input_tokens': 1,
    },
    line: ['usage', { agentId: 'coder', model: 'm-4', inputTokens: 1, ms: 25 }],
  },
  {
    what: 'an HTTP client',
    name: 'GET',
    kind: SpanKind.CLIENT,
    attributes: {
      'http.request.method': 'GET',
      'server.address': 'api.github.com',
      'url.full': 'https://api.github.com/repos/a?token=abc',
      'http.response.status_code': 404,
    },
    error: 'not found',
    line: [
      'call',
      {
        agentId: 'coder',
        host: 'api.github.com',
        method: 'GET',
        path: '/repos/a',
        status: 404,
        ms: 25,
        error: 'not found',
      },
    ],
  },
  {
    what: 'an HTTP client of the conventions before',
    name: 'HTTP POST',
    kind: SpanKind.CLIENT,
    attributes: {
      'http.method': 'POST',
      'net.peer.name': 'old.example',
      'http.url': 'http://old.example/x',
      'http.status_code': 200,
    },
    line: [
      'call',
      { agentId: 'coder', host: 'old.example', method: 'POST', path: '/x', status: 200, ms: 25 },
    ],
  },
]

test('the host of a call has its port where that is not the usual one of its scheme', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'live')
  const rows: [Attributes, string][] = [
    [{ 'server.address': 'a', 'server.port': 8443 }, 'a:8443'],
    [{ 'server.address': 'a', 'server.port': 443 }, 'a'],
    [{ 'server.address': 'a', 'server.port': 443, 'url.scheme': 'http' }, 'a:443'],
    [{ 'server.address': 'a', 'server.port': 80, 'url.scheme': 'https' }, 'a:80'],
    [{ 'server.address': 'a', 'server.port': 80, 'url.full': 'http://a/' }, 'a'],
    [{ 'net.peer.name': 'a', 'net.peer.port': 8080 }, 'a:8080'],
    // By way of a proxy.
    [{ 'net.peer.name': 'a', 'net.peer.port': 3128, 'http.url': 'https://a/' }, 'a'],
    [{ 'net.peer.name': 'a', 'http.url': 'http://A:4000/' }, 'a:4000'],
    [{ 'server.address': 'a:4000', 'server.port': 4000 }, 'a:4000'],
    [{ 'server.address': '::1', 'server.port': 4000 }, '[::1]:4000'],
    [{ 'server.address': '[::1]', 'url.full': 'http://[::1]:4000/' }, '[::1]:4000'],
    [{ 'server.address': 'a', 'url.full': 'http://another:4000/' }, 'a'],
  ]
  withinAgent(tracer, 'coder', () => {
    for (const [attributes] of rows) {
      tracer
        .startSpan('GET', {
          kind: SpanKind.CLIENT,
          attributes: { ...attributes, 'http.request.method': 'GET' },
        })
        .end()
    }
  })
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).flatMap(({ kind, host }) => (kind === 'call' ? [host] : [])),
    rows.map(([, host]) => host),
  )
})

for (const registration of REGISTERED) {
  for (const { what, name, kind, attributes, error, line } of WORK) {
    test(`${registration}: ${what} is a ${line[0]} of its agent`, async (t) => {
      const { file, provider, tracer } = tempProvider(t, registration)
      const startTime = Date.now()
      withinAgent(tracer, 'coder', () => {
        const span = tracer.startSpan(name, { attributes, startTime, ...(kind !== undefined && { kind }) })
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
        span.end(startTime + 25)
      })
      await provider.shutdown()

      const written = oneEvent(file, line[0])
      assert.deepEqual(fieldsOf(written), line[1])
      assert.deepEqual(
        Object.keys(fieldsOf(written)).filter((field) => field in line[1]),
        Object.keys(line[1]),
        'in the order of the format',
      )
      assert.equal(written.ts, startTime + 25)
      const kinds = line[0] === 'tool' ? ['spawn', 'tool.start', 'tool', 'exit'] : ['spawn', line[0], 'exit']
      assert.equal(written.checkpoint, kinds.indexOf(line[0]))
      assert.deepEqual(
        eventsOf(file).map(({ kind: each }) => each),
        kinds,
      )
    })
  }

  test(`${registration}: agents are told by id, by name, or by the name of their span`, async (t) => {
    const { file, provider, tracer } = tempProvider(t, registration)
    const agent = (name: string, attributes: Attributes) => within(tracer, name, { attributes }, () => {})
    agent('invoke_agent Reviewer', {})
    agent('call it what you like', { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Tester' })
    agent('invoke_agent', {
      'gen_ai.agent.id': 'a1',
      'gen_ai.agent.name': 'One',
      'gen_ai.request.model': 'm-1',
      'gen_ai.conversation.id': 'conv-7',
    })
    await provider.shutdown()
    const spawns = eventsOf(file).filter(({ kind }) => kind === 'spawn')
    assert.deepEqual(
      spawns.map(({ agentId, name, isGod, model, session }) => [agentId, name, isGod, model, session]),
      [
        ['Reviewer', 'Reviewer', false, undefined, 'sess_plugin'],
        ['Tester', 'Tester', false, undefined, 'sess_plugin'],
        ['a1', 'One', false, 'm-1', 'conv-7'],
      ],
    )
  })

  test(`${registration}: how the span of an agent ends is how the agent does`, async (t) => {
    const { file, provider, tracer } = tempProvider(t, registration)
    withinAgent(tracer, 'good', () => {})
    withinAgent(tracer, 'bad', (span) => span.setStatus({ code: SpanStatusCode.ERROR, message: 'no tokens' }))
    withinAgent(tracer, 'typed', (span) => {
      span.setAttribute('error.type', 'timeout')
      span.setStatus({ code: SpanStatusCode.ERROR })
    })
    await provider.shutdown()
    const exits = eventsOf(file).filter(({ kind }) => kind === 'exit')
    assert.deepEqual(exits.map(fieldsOf), [
      { agentId: 'good', status: 'ok' },
      { agentId: 'bad', status: 'error', error: 'no tokens' },
      { agentId: 'typed', status: 'error', error: 'timeout' },
    ])
  })

  test(`${registration}: work under spans in between belongs to the nearest agent above`, async (t) => {
    const { file, provider, tracer } = tempProvider(t, registration)
    withinAgent(tracer, 'outer', () => {
      within(tracer, 'workflow', {}, () => {
        within(tracer, 'step', {}, () => tracer.startSpan('execute_tool deep').end())
        withinAgent(tracer, 'inner', () =>
          within(tracer, 'step', {}, () => tracer.startSpan('execute_tool own').end()),
        )
      })
    })
    await provider.shutdown()
    const tools = eventsOf(file).filter(({ kind }) => kind === 'tool')
    assert.deepEqual(tools.map(({ name, agentId }) => `${name} of ${agentId}`).sort(), [
      'deep of outer',
      'own of inner',
    ])
  })

  test(`${registration}: work outside any agent is the process's, and events there have no checkpoint`, async (t) => {
    const { file, provider, tracer } = tempProvider(t, registration)
    within(tracer, 'request', {}, (span) => {
      tracer.startSpan('execute_tool alone').end()
      span.addEvent('hive.note', { 'hive.text': 'hello' })
    })
    await provider.shutdown()
    const lines = eventsOf(file)
    // Clocks of spans differ by less than a millisecond, by which an exporter puts their events in order.
    assert.deepEqual(lines.map(({ kind }) => kind).sort(), ['exit', 'note', 'spawn', 'tool', 'tool.start'])
    const [spawn, started, tool, note] = ['spawn', 'tool.start', 'tool', 'note'].map((kind) =>
      oneEvent(file, kind),
    ) as [Line, Line, Line, Line]
    assert.equal(spawn.agentId, 'foreign-spans.test')
    assert.equal(started.agentId, spawn.agentId)
    assert.equal(tool.agentId, spawn.agentId)
    assert.deepEqual(fieldsOf(note), { text: 'hello' })
    assert.equal(note.checkpoint, undefined)
  })
}

test('an agent within an agent names its parent', async (t) => {
  for (const registration of REGISTERED) {
    const { file, provider, tracer } = tempProvider(t, registration)
    withinAgent(tracer, 'outer', () => withinAgent(tracer, 'inner', () => {}))
    await provider.shutdown()
    const inner = eventsOf(file).find(({ kind, agentId }) => kind === 'spawn' && agentId === 'inner')
    assert.equal(inner?.parent, 'outer', registration)
  }
})

test('an agent without a session of its own is in that of the agent above it', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'live')
  const session = { 'gen_ai.conversation.id': 'conv-7' }
  withinAgent(tracer, 'outer', () => withinAgent(tracer, 'inner', () => {}), session)
  await provider.shutdown()
  assert.deepEqual([...new Set(eventsOf(file).map((line) => line.session))], ['conv-7'])
})

test('spans that end after their agent, or after the span above them, are still its work', async (t) => {
  for (const registration of ['live', 'simple', 'batch'] as const) {
    const { file, provider, tracer } = tempProvider(t, registration)
    const late = withinAgent(tracer, 'coder', () =>
      within(tracer, 'step', {}, () => tracer.startSpan('execute_tool late')),
    )
    late.end()
    await provider.shutdown()
    assert.equal(oneEvent(file, 'tool').agentId, 'coder', registration)
  }
})

test('an agent that is invoked again counts its events from 0 again', async (t) => {
  for (const registration of ['live', 'simple', 'batch'] as const) {
    const { file, provider, tracer } = tempProvider(t, registration)
    for (let i = 0; i < 2; i++) withinAgent(tracer, 'coder', (span) => span.addEvent('hive.step'))
    await provider.shutdown()
    assert.deepEqual(
      eventsOf(file).map(({ checkpoint }) => checkpoint),
      [0, 1, 2, 0, 1, 2],
      registration,
    )
  }
})

test('an exporter that is alone holds a bounded number of spans for an agent that goes on, and says so', async (t) => {
  const said = captureDiag(t)
  const { file, provider, tracer } = tempProvider(t, 'simple')
  withinAgent(tracer, 'coder', () => {
    for (let i = 0; i < 10_010; i++) tracer.startSpan(`execute_tool t${i}`).end()
  })
  await provider.shutdown()
  const tools = eventsOf(file).filter(({ kind }) => kind === 'tool')
  assert.deepEqual([tools.length, tools[0]?.name, tools.at(-1)?.name], [10_000, 't10', 't10009'])
  assert.equal(said.length, 1)
  assert.match(said[0] as string, /over 10000 spans wait for their agent's span to end/)
})

test('spans that no longer wait make room: it is those that wait at a time that are bounded', async (t) => {
  const said = captureDiag(t)
  const { file, provider, tracer } = tempProvider(t, 'simple')
  const each = 4_000
  for (const agentId of ['a', 'b', 'c']) {
    withinAgent(tracer, agentId, () => {
      for (let i = 0; i < each; i++) tracer.startSpan('execute_tool t').end()
    })
    // These wait under spans that turn out to be no agent's.
    within(tracer, 'request', {}, () => {
      for (let i = 0; i < each; i++) tracer.startSpan('execute_tool t').end()
    })
  }
  await provider.shutdown()
  const tools = eventsOf(file).filter(({ kind }) => kind === 'tool')
  for (const agentId of ['a', 'b', 'c']) {
    assert.equal(tools.filter((tool) => tool.agentId === agentId).length, each, agentId)
  }
  assert.equal(tools.length, 6 * each)
  assert.deepEqual(said, [])
})

test('however long work took, and across whichever second, the line says it to the millisecond', async (t) => {
  for (const registration of REGISTERED) {
    const { file, provider, tracer } = tempProvider(t, registration)
    const second = 1_787_386_181_000
    const spans = [
      [second + 900, second + 1_100],
      [second + 1, second + 3_602_002],
      [second + 999, second + 1_000],
      [second + 250, second + 2_250],
      [second + 500, second + 500],
    ] as const
    withinAgent(tracer, 'coder', () => {
      for (const [startTime, end] of spans) tracer.startSpan('execute_tool t', { startTime }).end(end)
    })
    await provider.shutdown()
    const tools = eventsOf(file).filter(({ kind }) => kind === 'tool')
    assert.deepEqual(
      tools.map(({ ms, ts }) => [ms, ts]),
      spans.map(([start, end]) => [end - start, end]),
      registration,
    )
  }
})

test('what names an agent that has ended, and was not spawned again, counts from 0 too', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'simple')
  withinAgent(tracer, 'coder', (span) => span.addEvent('hive.step'))
  tracer.startSpan('execute_tool late', { attributes: { 'gen_ai.agent.id': 'coder' } }).end()
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, checkpoint }) => [kind, checkpoint]),
    [
      ['spawn', 0],
      ['step', 1],
      ['exit', 2],
      ['tool.start', 0],
      ['tool', 1],
    ],
  )
})

test('each agent has a count of its own in each session, also where no spawn was seen', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'simple')
  for (const [agentId, session] of [
    ['a', 's-1'],
    ['b', 's-1'],
    ['a', 's-1'],
    ['a', 's-2'],
    ['b', 's-1'],
    ['a', 's-2'],
  ] as const) {
    const attributes = { 'gen_ai.agent.id': agentId, 'session.id': session }
    tracer.startSpan('execute_tool t', { attributes }).end()
  }
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind }) => kind === 'tool')
      .map(({ agentId, session, checkpoint }) => `${agentId} ${session} ${checkpoint}`),
    ['a s-1 1', 'b s-1 1', 'a s-1 3', 'a s-2 1', 'b s-1 3', 'a s-2 3'],
  )
})
