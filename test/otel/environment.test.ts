/** What the environment says about traces, in the words of the OpenTelemetry specification, and what `startHive` registers. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import type { HiveOptions } from '../../src/index.js'
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
      import { startHive } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)}
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
