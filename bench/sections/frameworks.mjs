// W. What an adapter takes of its framework's time: one model call and one tool, told as the framework tells them, until
// the framework goes on. The events hold prompts and results of 8 KB, which do not get into lines.
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { adapter as aiSdk } from '../../dist/frameworks/ai-sdk/adapter.js'
import { adapter as openaiAgents } from '../../dist/frameworks/openai-agents/adapter.js'
import { Stage } from '../../dist/frameworks/stage.js'
import { startHive } from '../../dist/index.js'
import { countLines } from '../lib/files.mjs'
import { median } from '../lib/stats.mjs'

const TURN = 20
const TEXT = 'The harbour has two ferries. '.repeat(280)

/** What the AI SDK's dispatcher calls for a call and a tool of a run. */
function aiSdkRun() {
  const [integration] = globalThis.AI_SDK_TELEMETRY_INTEGRATIONS
  const messages = [{ role: 'user', content: TEXT }]
  integration.onStart({
    callId: 'r',
    operationId: 'ai.generateText',
    functionId: 'lead',
    modelId: 'm',
    messages,
  })
  return {
    call(i) {
      integration.onLanguageModelCallStart({ callId: 'r', modelId: 'm', provider: 'openai.chat', messages })
      integration.onLanguageModelCallEnd({
        callId: 'r',
        responseId: `resp_${i}`,
        usage: {
          inputTokens: 900 + (i % 97),
          outputTokens: 80,
          inputTokenDetails: { cacheReadTokens: 512 },
        },
        performance: { responseTimeMs: 812.4, timeToFirstOutputMs: 200.1 },
        content: [{ type: 'text', text: TEXT }],
      })
    },
    tool(i) {
      const toolCall = { toolCallId: `c${i}`, toolName: 'search', input: { q: TEXT } }
      integration.onToolExecutionStart({ callId: 'r', toolCall, messages })
      integration.onToolExecutionEnd({
        callId: 'r',
        toolCall,
        toolOutput: { type: 'tool-result', output: TEXT },
      })
    },
    end: () => integration.onEnd({ callId: 'r' }),
  }
}

/** What the trace provider of OpenAI's Agents SDK calls. */
function openaiRun() {
  const processors = []
  globalThis[Symbol.for('openai.agents.core.traceProvider')] = {
    registerProcessor: (each) => processors.push(each),
    setProcessors() {},
    createTrace() {},
    createSpan() {},
  }
  const [processor] = processors
  const span = (spanId, spanData) => ({ traceId: 't', spanId, parentId: 'agent', spanData, error: null })
  const agent = { ...span('agent', { type: 'agent', name: 'lead' }), parentId: null }
  processor.onTraceStart({ traceId: 't' })
  processor.onSpanStart(agent)
  const whole = (each) => {
    processor.onSpanStart(each)
    processor.onSpanEnd(each)
  }
  return {
    call(i) {
      const usage = {
        input_tokens: 900 + (i % 97),
        output_tokens: 80,
        input_tokens_details: { cached_tokens: 512 },
      }
      const _response = { id: `resp_${i}`, model: 'm', usage, output: [TEXT] }
      whole(span(`s${i}`, { type: 'response', response_id: `resp_${i}`, _input: TEXT, _response }))
    },
    tool: (i) => whole(span(`f${i}`, { type: 'function', name: 'search', input: TEXT, output: TEXT })),
    end() {
      processor.onSpanEnd(agent)
      processor.onTraceEnd({ traceId: 't' })
    },
  }
}

/** @returns microseconds of each turn's calls, by one */
async function time(work, rounds) {
  const costs = []
  for (let i = 0; i < rounds * TURN; ) {
    const began = performance.now()
    for (const end = i + TURN; i < end; i++) work(i)
    costs.push(((performance.now() - began) * 1e3) / TURN)
    await nextTurn()
  }
  return costs
}

export default async function frameworks({ dir, quick }) {
  const rounds = quick ? 300 : 1_500
  const rows = []
  const targets = []
  let lines = 0
  for (const [name, adapter, begin] of [
    ['AI SDK', aiSdk, aiSdkRun],
    ['OpenAI Agents', openaiAgents, openaiRun],
  ]) {
    const file = join(dir, `${name}.jsonl`)
    const hive = startHive({ file, otlp: false, serviceName: 'bench' })
    adapter.install(new Stage(hive))
    const run = begin()
    await time(run.call, 50)
    const call = median(await time((i) => run.call(1e6 + i), rounds))
    const tool = median(await time((i) => run.tool(i), rounds))
    run.end()
    await hive.shutdown()
    lines = countLines(file)
    // A call is a line, and a tool two.
    if (lines < rounds * TURN * 3) throw new Error(`${name}: only ${lines} lines`)
    rows.push([name, call.toFixed(1), tool.toFixed(1)])
    targets.push({ what: `${name}: a model call, microseconds`, atMost: 20, measured: call })
  }
  return {
    title: 'W. What adapters take of their frameworks’ time',
    note: `Medians of ${rounds} turns of ${TURN}; a call is one line, a tool two; texts of ${TEXT.length} characters in each event.`,
    columns: ['microseconds', 'model call', 'tool, start and end'],
    rows,
    targets,
  }
}
