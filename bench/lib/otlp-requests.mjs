// Requests as exporters of OpenTelemetry send them, written by its own serializers: spans of agents that call models and
// tools, by the GenAI conventions, and a coding agent's log records.
import { createHash } from 'node:crypto'
import { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'

/** As good as random, as ids are. */
const idOf = (text, digits) => createHash('sha256').update(text).digest('hex').slice(0, digits)
const START_S = Math.floor(Date.now() / 1000) - 3_600
/** A trace of these: an agent, and under it calls of a model and of a tool by turns. */
const SPANS_A_TRACE = 32
/** What a `BatchSpanProcessor` sends at most, unless told otherwise. */
export const RECORDS = 512

/** A request of spans: whole traces. Each number is another one. */
export function spansRequest(number) {
  const resource = resourceFromAttributes({ 'service.name': 'shop', 'session.id': `session-${number % 20}` })
  const spans = []
  for (let trace = 0; trace < RECORDS / SPANS_A_TRACE; trace++) {
    const traceId = idOf(`${number}/${trace}`, 32)
    const spanId = (i) => idOf(`${number}/${trace}/${i}`, 16)
    const spanOf = (i, name, kind, attributes) => ({
      name,
      kind,
      spanContext: () => ({ traceId, spanId: spanId(i), traceFlags: 1 }),
      ...(i > 0 && { parentSpanContext: { traceId, spanId: spanId(0), traceFlags: 1 } }),
      startTime: [START_S + number, i * 1_000_000],
      endTime: [START_S + number, (i === 0 ? SPANS_A_TRACE + 1 : i + 1) * 1_000_000],
      status: { code: 0 },
      attributes,
      links: [],
      events: [],
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      resource,
      instrumentationScope: { name: 'bench' },
    })
    for (let i = 1; i < SPANS_A_TRACE; i++) {
      const isCall = i % 2 === 1
      spans.push(
        isCall
          ? spanOf(i, 'chat claude-sonnet-4-5', 2, {
              'gen_ai.operation.name': 'chat',
              'gen_ai.provider.name': 'anthropic',
              'gen_ai.request.model': 'claude-sonnet-4-5',
              'gen_ai.response.model': 'claude-sonnet-4-5',
              'gen_ai.response.id': `msg_${number}_${trace}_${i}`,
              'gen_ai.usage.input_tokens': 1_200 + i,
              'gen_ai.usage.output_tokens': 300 + i,
            })
          : spanOf(i, 'execute_tool grep', 0, {
              'gen_ai.operation.name': 'execute_tool',
              'gen_ai.tool.name': 'grep',
              'gen_ai.tool.call.id': `call_${number}_${trace}_${i}`,
            }),
      )
    }
    // What is above ends last, so it is exported last.
    spans.push(
      spanOf(0, 'invoke_agent Coder', 0, {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.id': `coder-${trace}`,
        'gen_ai.agent.name': 'Coder',
      }),
    )
  }
  return { body: ProtobufTraceSerializer.serializeRequest(spans), count: spans.length }
}

/** A request of log records, as Codex CLI sends them. */
export function logsRequest(number) {
  const resource = resourceFromAttributes({ 'service.name': 'codex_cli_rs' })
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    hrTime: [START_S + number, i * 1_000_000],
    hrTimeObserved: [START_S + number, i * 1_000_000],
    severityNumber: 9,
    resource,
    instrumentationScope: { name: 'codex' },
    droppedAttributesCount: 0,
    ...(i % 2 === 0
      ? {
          eventName: 'codex.sse_event',
          attributes: {
            'conversation.id': `session-${number % 20}`,
            'event.kind': 'response.completed',
            model: 'gpt-5',
            input_token_count: 1_200 + i,
            output_token_count: 300 + i,
            cached_token_count: 64,
          },
        }
      : {
          eventName: 'codex.tool_result',
          attributes: {
            'conversation.id': `session-${number % 20}`,
            tool_name: 'shell',
            call_id: `call_${number}_${i}`,
            duration_ms: 12,
            success: true,
          },
        }),
  }))
  return { body: ProtobufLogsSerializer.serializeRequest(records), count: records.length }
}
