/** Which traces are sent, as `OTEL_TRACES_SAMPLER` says it in the words of the OpenTelemetry specification. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace-base'
import { countFromEnv, defaultSampler, samplerFromEnv } from '../../src/otel/sampler.js'
import { withEnvironment } from '../kit/git-repo.js'
import { captureDiag } from '../kit/hive-support.js'

const TRACES = 400

/** Of 400 traces, how many are sent: those that begin here, those of a sampled parent, those of one that is not. */
function sent(t: TestContext, name: string | undefined, arg?: string): [number, number, number] {
  withEnvironment(t, { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg })
  const sampler = samplerFromEnv() ?? defaultSampler()
  const count = (parent: TraceFlags | undefined): number => {
    let sampled = 0
    for (let i = 0; i < TRACES; i++) {
      const traceId = randomBytes(16).toString('hex')
      const context =
        parent === undefined
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: '0b'.repeat(8), traceFlags: parent })
      const { decision } = sampler.shouldSample(context, traceId, 'span', SpanKind.INTERNAL, {}, [])
      if (decision === SamplingDecision.RECORD_AND_SAMPLED) sampled++
    }
    return sampled
  }
  return [count(undefined), count(TraceFlags.SAMPLED), count(TraceFlags.NONE)]
}

for (const [name, arg, expected] of [
  [undefined, undefined, [TRACES, TRACES, 0]],
  ['', undefined, [TRACES, TRACES, 0]],
  ['parentbased_always_on', undefined, [TRACES, TRACES, 0]],
  ['parentbased_always_off', undefined, [0, TRACES, 0]],
  ['always_on', undefined, [TRACES, TRACES, TRACES]],
  ['always_off', undefined, [0, 0, 0]],
  ['traceidratio', undefined, [TRACES, TRACES, TRACES]],
  ['traceidratio', '1', [TRACES, TRACES, TRACES]],
  ['traceidratio', '0', [0, 0, 0]],
  ['parentbased_traceidratio', '0', [0, TRACES, 0]],
] as const) {
  test(`OTEL_TRACES_SAMPLER=${name} with ${arg}: ${expected.join(', ')} of ${TRACES}`, (t) => {
    const said = captureDiag(t)
    assert.deepEqual(sent(t, name, arg), expected)
    assert.deepEqual(said, [])
  })
}

test('traceidratio sends about as much as its argument says, and parentbased_ only of what begins here', (t) => {
  const [root, sampled, unsampled] = sent(t, 'traceidratio', '0.25')
  for (const count of [root, sampled, unsampled]) assert.ok(count > 40 && count < 160, String(count))
  const [begun, ...others] = sent(t, 'parentbased_traceidratio', '0.75')
  assert.ok(begun > 240 && begun < 360, String(begun))
  assert.deepEqual(others, [TRACES, 0])
})

test('a sampler or a ratio that is none is said in one line, and all is sent', (t) => {
  const said = captureDiag(t)
  assert.deepEqual(sent(t, 'some_times'), [TRACES, TRACES, 0])
  assert.deepEqual(sent(t, 'parentbased_some_times'), [TRACES, TRACES, 0])
  assert.deepEqual(sent(t, 'traceidratio', '1.5'), [TRACES, TRACES, TRACES])
  assert.deepEqual(sent(t, 'traceidratio', '-0.1'), [TRACES, TRACES, TRACES])
  assert.equal(said.length, 4)
  assert.match(said[0] as string, /OTEL_TRACES_SAMPLER=some_times is no sampler/)
  assert.match(said[1] as string, /OTEL_TRACES_SAMPLER=parentbased_some_times is no sampler/)
  assert.match(said[2] as string, /OTEL_TRACES_SAMPLER_ARG=1.5 is not between 0 and 1/)
  assert.match(said[3] as string, /OTEL_TRACES_SAMPLER_ARG=-0.1 is not between 0 and 1/)
})

test('a sampler of the specification that is not there is said to be so', (t) => {
  const said = captureDiag(t)
  for (const name of ['jaeger_remote', 'parentbased_jaeger_remote', 'xray']) {
    assert.equal(sent(t, name)[0], TRACES)
  }
  assert.deepEqual(said, [
    'hivelog: OTEL_TRACES_SAMPLER=jaeger_remote is not available here; all traces are sent',
    'hivelog: OTEL_TRACES_SAMPLER=parentbased_jaeger_remote is not available here; all traces are sent',
    'hivelog: OTEL_TRACES_SAMPLER=xray is not available here; all traces are sent',
  ])
})

test('a count in the environment is a whole number from 1; what is none is said in one line and not used', (t) => {
  const said = captureDiag(t)
  const countOf = (text: string | undefined): number | undefined => {
    withEnvironment(t, { OTEL_SPAN_EVENT_COUNT_LIMIT: text })
    return countFromEnv('OTEL_SPAN_EVENT_COUNT_LIMIT')
  }
  assert.deepEqual(['1', '2', ' 128 ', undefined].map(countOf), [1, 2, 128, undefined])
  assert.equal(said.length, 0)
  const impossible = ['0', '-1', '1.5', 'many', '1e300']
  for (const text of impossible) assert.equal(countOf(text), undefined, text)
  assert.equal(said.length, impossible.length)
  assert.match(
    said[0] as string,
    /OTEL_SPAN_EVENT_COUNT_LIMIT: .*0.* is not possible; use a whole number from 1/,
  )
})
