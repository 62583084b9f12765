/** What the environment says about traces, in the words of the OpenTelemetry specification, and what `startHive` registers. */
import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import { type TestContext, test } from 'node:test'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import type { HiveOptions } from '../../src/index.js'
import { otlpSettings } from '../../src/otel/otlp.js'
import { door } from '../kit/doors.js'
import { withEnvironment } from '../kit/git-repo.js'
import { captureDiag, eventsOf, runNode, tempFolder, tempHive, tempReceiver } from '../kit/hive-support.js'
import type { OtlpReceiver } from '../kit/otlp-receiver.js'

/** Of a hive with one agent: how many lines it wrote, and what the trace backend got. */
async function recorded(t: TestContext, env: NodeJS.ProcessEnv, options: HiveOptions = {}) {
  const receiver = await tempReceiver(t)
  const of = (value: string | undefined): string | undefined => value?.replace('RECEIVER', receiver.endpoint)
  withEnvironment(t, Object.fromEntries(Object.entries(env).map(([name, value]) => [name, of(value)])))
  const { hive, file } = tempHive(t, optionsFor(receiver, options))
  hive.spawn({ agentId: 'coder' }).end()
  await hive.shutdown()
  return { lines: eventsOf(file).length, spans: receiver.spans.length, paths: receiver.paths }
}

const optionsFor = (receiver: OtlpReceiver, options: HiveOptions): HiveOptions =>
  typeof options.otlp === 'object' ? { ...options, otlp: { url: receiver.url } } : options

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'RECEIVER' }

for (const value of ['true', 'TRUE']) {
  test(`OTEL_SDK_DISABLED=${value}: nothing is sent, whatever asks for it, and the file has all`, async (t) => {
    const env = { ...ENDPOINT, OTEL_SDK_DISABLED: value }
    assert.deepEqual(await recorded(t, env), { lines: 2, spans: 0, paths: [] })
    assert.deepEqual(await recorded(t, env, { otlp: true }), { lines: 2, spans: 0, paths: [] })
  })
}

test('OTEL_SDK_DISABLED with any value but true disables nothing', async (t) => {
  captureDiag(t)
  for (const value of ['false', '', '1', 'yes']) {
    const { spans } = await recorded(t, { ...ENDPOINT, OTEL_SDK_DISABLED: value })
    assert.equal(spans, 1, value)
  }
})

for (const [exporters, spans, unknown] of [
  ['none', 0],
  ['console', 0, "'console' is"],
  ['zipkin,console', 0, "'zipkin', 'console' is"],
  ['otlp', 1],
  ['otlp,', 1],
  [' otlp , none', 1],
  ['console,otlp', 1, "'console' is"],
  ['console, otlp', 1, "'console' is"],
  ['', 1],
] as const) {
  test(`OTEL_TRACES_EXPORTER=${exporters}: ${spans === 0 ? 'nothing is' : 'all is'} sent over OTLP`, async (t) => {
    const said = captureDiag(t)
    const found = await recorded(t, { ...ENDPOINT, OTEL_TRACES_EXPORTER: exporters })
    assert.deepEqual([found.lines, found.spans], [2, spans])
    const line = `hivelog: OTEL_TRACES_EXPORTER: ${unknown} not known; use 'otlp' or 'none'`
    assert.deepEqual(said, unknown === undefined ? [] : [line])
  })
}

test('code that says otlp: false is heard, whatever the environment says', async (t) => {
  assert.deepEqual(await recorded(t, ENDPOINT, { otlp: false }), { lines: 2, spans: 0, paths: [] })
})

test('OTEL_TRACES_EXPORTER is about what is not said in code', async (t) => {
  for (const otlp of [{}, true]) {
    const { spans } = await recorded(t, { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, { otlp })
    assert.equal(spans, 1)
  }
})

test('the application’s own spans without a parent have traces of their own', (t) => {
  const { hive } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead' })
  const tracer = hive.tracerProvider.getTracer('app')
  const traces = ['a', 'b'].map((name) => tracer.startSpan(name).spanContext().traceId)
  assert.equal(new Set([...traces, lead.spanContext.traceId]).size, 3)
  assert.equal(hive.spawn({ agentId: 'other' }).spanContext.traceId, lead.spanContext.traceId)
})

test('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT alone has traces sent, to exactly this URL', async (t) => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'RECEIVER/elsewhere',
  }
  assert.deepEqual(await recorded(t, env), { lines: 2, spans: 1, paths: ['/elsewhere'] })
})

test('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is for traces what OTEL_EXPORTER_OTLP_ENDPOINT is for the rest', async (t) => {
  const general = await tempReceiver(t)
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: general.endpoint,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'RECEIVER/v1/traces',
  }
  assert.deepEqual(await recorded(t, env), { lines: 2, spans: 1, paths: ['/v1/traces'] })
  assert.equal(general.requests, 0)
})

test('OTEL_EXPORTER_OTLP_ENDPOINT is a base, to which the path of traces is added; without any, nothing is sent', async (t) => {
  assert.deepEqual(await recorded(t, ENDPOINT), { lines: 2, spans: 1, paths: ['/v1/traces'] })
  const none = { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined }
  assert.deepEqual(await recorded(t, none), { lines: 2, spans: 0, paths: [] })
})

test('what is registered carries trace context and baggage, to another process and from it', async (t) => {
  const { hive } = tempHive(t)
  const { spanContext, context: within } = hive.spawn({ agentId: 'coder' })
  const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
  const carrier: Record<string, string> = {}
  propagation.inject(propagation.setBaggage(within, baggage), carrier)
  const { traceId, spanId } = spanContext
  assert.deepEqual(carrier, { traceparent: `00-${traceId}-${spanId}-01`, baggage: 'tenant=acme' })

  const incoming = propagation.extract(ROOT_CONTEXT, carrier)
  assert.equal(propagation.getBaggage(incoming)?.getEntry('tenant')?.value, 'acme')
  assert.equal(trace.getSpanContext(incoming)?.spanId, spanId)
  await hive.shutdown()
  assert.deepEqual(propagation.fields(), [], 'it is gone with the hive')
})

test('what the process has registered itself stays, at the start and at the end', async (t) => {
  captureDiag(t)
  const own = { inject: () => {}, extract: () => ROOT_CONTEXT, fields: () => ['mine'] }
  propagation.setGlobalPropagator(own)
  t.after(() => propagation.disable())
  const { hive } = tempHive(t)
  assert.deepEqual(propagation.fields(), ['mine'])
  assert.equal(
    hive.spawn({ agentId: 'a' }).run(() => trace.getActiveSpan()?.isRecording()),
    true,
  )
  await hive.shutdown()
  assert.deepEqual(propagation.fields(), ['mine'])
  assert.equal(context.active(), ROOT_CONTEXT)
})

/** What the resource of a hive says. */
async function resourceOf(t: TestContext, env: NodeJS.ProcessEnv, options: HiveOptions = {}) {
  withEnvironment(t, env)
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, ...options })
  hive.spawn({ agentId: 'coder' })
  await hive.shutdown()
  return receiver.one('invoke_agent coder').resource
}

test('the service is called hive, or what the environment says, or what the option says', async (t) => {
  const attributes = 'service.name=from-attributes,team=blue,host.name=elsewhere'
  for (const [env, options, service] of [
    [{}, {}, 'hive'],
    [{ OTEL_RESOURCE_ATTRIBUTES: attributes }, {}, 'from-attributes'],
    [{ OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: 'from-name' }, {}, 'from-name'],
    [{ OTEL_SERVICE_NAME: 'from-name' }, { serviceName: 'option' }, 'option'],
    [{}, { resourceAttributes: { 'service.name': 'attribute' }, serviceName: 'option' }, 'option'],
  ] as const) {
    const all = { OTEL_RESOURCE_ATTRIBUTES: undefined, OTEL_SERVICE_NAME: undefined, ...env }
    const resource = await resourceOf(t, all, options)
    assert.equal(resource['service.name'], service)
    assert.equal(resource['telemetry.sdk.language'], 'nodejs')
    if (all.OTEL_RESOURCE_ATTRIBUTES === undefined) continue
    assert.equal(resource.team, 'blue')
    assert.equal(resource['host.name'], 'elsewhere', 'the environment says it better than what is detected')
  }
})

test('secrets on the command line are in no resource, as a value of their own or within one', async (t) => {
  const { argv } = process
  const key = `sk-ant-api03-${'aB3dE6gH9jK2mN5p'.repeat(4)}`
  const [node = '', , ...rest] = argv
  process.argv = [
    node,
    `/tmp/${key}/app.js`,
    ...rest,
    'word',
    'password',
    '--password',
    'hunter2hunter2',
    `--url=https://x/?k=${key}`,
    '--token',
    '-v',
  ]
  t.after(() => {
    process.argv = argv
  })
  const resource = await resourceOf(t, {}, { redact: { patterns: [/word/] } })
  const args = resource['process.command_args'] as string[]
  assert.ok(!JSON.stringify(resource).includes(key))
  assert.ok(!JSON.stringify(resource).includes('hunter2'))
  const [word, pass, option, value, url] = args.slice(-7)
  assert.doesNotMatch(String(word), /^word$/, 'a pattern of the user’s own')
  assert.notEqual(pass, '[redacted:key]', 'no option comes before it')
  assert.equal(option?.startsWith('--pass'), true)
  assert.equal(value, '[redacted:key]')
  assert.match(String(url), /^--url=/)
})

test('a provider that is registered already stays, and its spans are recorded', async (t) => {
  const said = captureDiag(t)
  const own = new BasicTracerProvider()
  trace.setGlobalTracerProvider(own)
  t.after(() => trace.disable())
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'a' })
  assert.notEqual(hive.tracerProvider, own)
  const span = trace.getTracer('app').startSpan('invoke_agent theirs')
  assert.ok((span as unknown as { resource: unknown }).resource !== undefined, 'it is still the global one')
  span.end()
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => [kind, agentId]),
    [
      ['spawn', 'a'],
      ['spawn', 'theirs'],
      ['exit', 'theirs'],
      ['exit', 'a'],
    ],
  )
  assert.deepEqual(said, [])
})

test('without a provider before it the hive’s is the global one, until its end', async (t) => {
  const { hive } = tempHive(t)
  const coder = hive.spawn({ agentId: 'coder' })
  const inner = coder.run(() => trace.getTracer('app').startSpan('app'))
  assert.ok(inner.isRecording())
  assert.equal(inner.spanContext().traceId, coder.spanContext.traceId)
  inner.end()
  await hive.shutdown()
  assert.equal(trace.getTracer('app').startSpan('after').isRecording(), false)
  assert.equal(
    context.with(trace.setSpan(ROOT_CONTEXT, inner), () => trace.getActiveSpan()),
    undefined,
  )
})

for (const [level, expected] of [
  [undefined, 1],
  ['NONE', 0],
  ['none', 0],
  ['ERROR', 0],
  ['WARN', 1],
  ['nonsense', 1],
] as const) {
  test(`without a diag logger, OTEL_LOG_LEVEL=${level}: ${expected} warning is on stderr`, async (t) => {
    const code = `
      import { startHive } from ${JSON.stringify(door('index'))}
      const hive = startHive({ file: 'hive.jsonl' })
      await hive.approve('no such id', true)
      await hive.shutdown()
    `
    const env = level === undefined ? {} : { OTEL_LOG_LEVEL: level }
    const { stderr } = await runNode(['--input-type=module', '-e', code], env, tempFolder(t))
    const warnings = stderr.split('\n').filter((line) => line.startsWith('hivelog: approval of'))
    assert.equal(warnings.length, expected, stderr)
  })
}

for (const [given, fields, unknown] of [
  ['tracecontext', ['traceparent', 'tracestate']],
  [' baggage ', ['baggage']],
  ['baggage,tracecontext,baggage', ['traceparent', 'tracestate', 'baggage']],
  ['none', []],
  ['', ['traceparent', 'tracestate', 'baggage']],
  ['b3', [], "'b3'"],
  ['tracecontext,b3multi,jaeger', ['traceparent', 'tracestate'], "'b3multi', 'jaeger'"],
] as const) {
  test(`OTEL_PROPAGATORS=${given}: ${fields.join(', ') || 'nothing'} is carried`, async (t) => {
    const said = captureDiag(t)
    withEnvironment(t, { OTEL_PROPAGATORS: given })
    const { hive } = tempHive(t)
    assert.deepEqual(propagation.fields(), fields)
    const line = `hivelog: OTEL_PROPAGATORS: ${unknown} is not there; use 'tracecontext', 'baggage' or 'none', or register a propagator of your own before the hive`
    assert.deepEqual(said, unknown === undefined ? [] : [line])
    await hive.shutdown()
  })
}

test('trace state and baggage come in through the environment, and go out to a child process', async (t) => {
  const receiver = await tempReceiver(t)
  const traceId = '0a'.repeat(16)
  withEnvironment(t, {
    TRACEPARENT: `00-${traceId}-${'0b'.repeat(8)}-01`,
    TRACESTATE: 'vendor=abc,other=1',
    BAGGAGE: 'tenant=acme%20corp;prop=1',
  })
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'coder' })
  assert.equal(agent.spanContext.traceId, traceId)
  assert.equal(propagation.getBaggage(agent.context)?.getEntry('tenant')?.value, 'acme corp')
  const { TRACESTATE, BAGGAGE, TRACEPARENT } = agent.env()
  assert.deepEqual(
    [TRACESTATE, BAGGAGE, TRACEPARENT],
    ['vendor=abc,other=1', 'tenant=acme%20corp;prop=1', `00-${traceId}-${agent.spanContext.spanId}-01`],
  )
  const own = propagation.createBaggage({ tenant: { value: 'other' } })
  const within = propagation.setBaggage(context.active(), own)
  assert.equal(context.with(within, () => agent.env()).BAGGAGE, 'tenant=other', 'what is active now')
  await hive.shutdown()
  assert.match(receiver.bodies.join(), /"traceState":"vendor=abc,other=1"/)
})

test('what a child must not take over from this process is empty, and without any there is nothing', (t) => {
  const { hive } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  assert.equal('TRACESTATE' in agent.env() || 'BAGGAGE' in agent.env(), false)
  withEnvironment(t, { TRACESTATE: 'vendor=abc', BAGGAGE: 'tenant=acme' })
  const { TRACESTATE, BAGGAGE } = agent.env()
  assert.deepEqual([TRACESTATE, BAGGAGE], ['', ''])
})

for (const [variables, type, said] of [
  [{}, 'application/x-protobuf'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'application/json'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: ' http/protobuf ' }, 'application/x-protobuf'],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
    'application/json',
  ],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' },
    'application/x-protobuf',
    "hivelog: OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' is not known; use 'http/protobuf' or 'http/json'; spans are sent as 'http/protobuf'",
  ],
  [
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
    undefined,
    "hivelog: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: OTLP over gRPC is not there, and no spans are sent; use 'http/protobuf', and the backend's port for HTTP, 4318 as a rule",
  ],
] as const) {
  test(`${JSON.stringify(variables)}: ${type ?? 'nothing'} is sent`, async (t) => {
    const lines = captureDiag(t)
    const receiver = await tempReceiver(t)
    withEnvironment(t, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...variables })
    const { hive } = tempHive(t)
    hive.spawn({ agentId: 'coder' })
    await hive.shutdown()
    assert.deepEqual(
      receiver.headers.map((each) => each['content-type']),
      type === undefined ? [] : [type],
    )
    assert.equal(receiver.spans.length, type === undefined ? 0 : 1)
    assert.deepEqual(lines, said === undefined ? [] : [said])
  })
}

test('OTEL_TRACES_EXPORTER=otlp needs no endpoint: the specification’s is port 4318 of this host', async (t) => {
  const lines = captureDiag(t)
  const none = { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined }
  const urls: string[] = []
  const http = (await import('node:http')).default
  const { request } = http
  http.request = ((...[url, ...rest]: Parameters<typeof request>) => {
    urls.push(String(url))
    return request(...([new URL('http://127.0.0.1:9/'), ...rest] as Parameters<typeof request>))
  }) as typeof request
  syncBuiltinESMExports()
  t.after(() => {
    http.request = request
    syncBuiltinESMExports()
  })
  withEnvironment(t, { ...none, OTEL_TRACES_EXPORTER: ' otlp ' })
  // A busy machine comes to ask within that time; to ask again takes the exporter longer.
  const { hive } = tempHive(t, { shutdownTimeoutMs: 600 })
  hive.spawn({ agentId: 'coder' })
  await hive.shutdown()
  assert.deepEqual(urls, ['http://localhost:4318/v1/traces'])
  assert.equal(lines.length, 1, lines.join('\n'))
})

test('headers and compression are those of the OTLP variables', async (t) => {
  const receiver = await tempReceiver(t)
  withEnvironment(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme,x-both=general',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-both=traces',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  })
  const { hive } = tempHive(t)
  hive.spawn({ agentId: 'coder' })
  await hive.shutdown()
  const [headers] = receiver.headers
  assert.deepEqual(
    [headers?.['x-tenant'], headers?.['x-both'], headers?.['content-encoding']],
    ['acme', 'traces', 'gzip'],
  )
  assert.match(String(headers?.['user-agent']), /^hivelog\/\d/)
  assert.equal(receiver.spans.length, 1)
})

for (const [url, variable, isCompressed] of [
  ['http://localhost:4318', undefined, false],
  ['http://127.0.0.2:4318', undefined, false],
  ['http://[::1]:4318', undefined, false],
  ['https://otlp.example.com', undefined, true],
  ['http://10.0.0.7:4318', undefined, true],
  ['http://10.0.0.7:4318', 'none', false],
  ['http://localhost:4318', 'gzip', true],
] as const) {
  test(`to ${url} with compression ${variable}: ${isCompressed ? 'gzip' : 'plain'}`, (t) => {
    withEnvironment(t, { OTEL_EXPORTER_OTLP_COMPRESSION: variable })
    assert.equal(otlpSettings({ url }, 'http/protobuf').isCompressed, isCompressed)
  })
}
