/** Spans as the instrumentations of frameworks emit them, each in its own words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attributes, type Span, type SpanOptions, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { eventsOf, type Line, oneEvent, until } from '../kit/hive-support.js'
import { atOnce, type Registration, tempProvider, within } from '../kit/otel-provider.js'

const REGISTERED: Registration[] = ['live', 'batch', 'simple']

interface Story {
  what: string
  scope: string
  play(tracer: Tracer): void
  /** Of each line its kind, and the fields that say what it is. */
  lines: string[]
}

/** A span whose attributes come after its start. */
function late<T>(tracer: Tracer, name: string, attributes: Attributes, work: (span: Span) => T): T {
  return within(tracer, name, {}, (span) => {
    span.setAttributes(attributes)
    return work(span)
  })
}

const nothing = (): void => {}
const at = (attributes: Attributes): SpanOptions => ({ attributes })

function said({ kind, ...fields }: Line): string {
  const who = fields.agentId ?? fields.from ?? ''
  const what = {
    spawn: [fields.name, fields.parent],
    'tool.start': [fields.name, fields.toolCallId],
    tool: [fields.name, fields.ok, fields.toolCallId, fields.argsBytes, fields.resultBytes, fields.error],
    usage: [
      fields.model,
      fields.inputTokens,
      fields.outputTokens,
      fields.cacheReadTokens,
      fields.cacheWriteTokens,
      fields.responseId,
      fields.ttftMs,
      fields.error,
    ],
    message: [fields.act, fields.to],
    escalate: [fields.to],
    approval: [fields.approve, fields.via],
    exit: [fields.status],
  }[kind as string]
  return [kind, who, ...(what ?? []).map((each) => each ?? '-')].join(' ')
}

const STORIES: Story[] = [
  {
    what: 'AI SDK 7: the agent’s sum is no call, the step’s neither',
    scope: 'gen_ai',
    play(tracer) {
      const agent = {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'researcher',
        'gen_ai.request.model': 'm',
      }
      within(tracer, 'invoke_agent m', at(agent), (root) => {
        within(tracer, 'step 1', at({ 'gen_ai.operation.name': 'agent_step' }), (step) => {
          within(
            tracer,
            'chat m',
            at({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }),
            (chat) =>
              chat.setAttributes({
                'gen_ai.usage.input_tokens': 10,
                'gen_ai.usage.output_tokens': 2,
                'gen_ai.usage.cache_read.input_tokens': 4,
                'gen_ai.response.id': 'r-1',
                'gen_ai.client.operation.time_to_first_chunk': 0.25,
              }),
          )
          const tool = {
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': 'look',
            'gen_ai.tool.call.id': 'c-1',
            'gen_ai.tool.call.arguments': '{"q":"é"}',
          }
          within(tracer, 'execute_tool look', at(tool), (span) =>
            span.setAttribute('gen_ai.tool.call.result', 'found'),
          )
          step.setAttribute('gen_ai.usage.input_tokens', 10)
        })
        root.setAttribute('gen_ai.usage.input_tokens', 10)
      })
    },
    lines: [
      'spawn researcher researcher -',
      'usage researcher m 10 2 4 - r-1 250 -',
      'tool.start researcher look c-1',
      'tool researcher look true c-1 10 5 -',
      'exit researcher ok',
    ],
  },
  {
    what: 'an agent without a name is not called by its model',
    scope: 'gen_ai',
    play(tracer) {
      const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.request.model': 'gpt-5' }
      within(tracer, 'invoke_agent gpt-5', at(agent), nothing)
    },
    lines: ['spawn agent agent -', 'exit agent ok'],
  },
  {
    what: 'an operation is a word: a workflow’s name is none',
    scope: 'mine',
    play: (tracer) => within(tracer, 'invoke_agents_workflow', {}, nothing),
    lines: [],
  },
  {
    what: 'agents of one name within one another are two',
    scope: 'mine',
    play: (tracer) =>
      within(tracer, 'invoke_agent solver', {}, () => within(tracer, 'invoke_agent solver', {}, nothing)),
    lines: ['spawn solver solver -', 'spawn solver#2 solver solver', 'exit solver#2 ok', 'exit solver ok'],
  },
  {
    what: 'an agent that a tool runs is delegated to, and returns',
    scope: 'mine',
    play: (tracer) =>
      within(tracer, 'invoke_agent lead', {}, () =>
        within(tracer, 'execute_tool ask', {}, () => within(tracer, 'invoke_agent aide', {}, nothing)),
      ),
    lines: [
      'spawn lead lead -',
      'tool.start lead ask -',
      'spawn aide aide lead',
      'message lead delegate aide',
      'message aide return lead',
      'exit aide ok',
      'tool lead ask true - - - -',
      'exit lead ok',
    ],
  },
  {
    what: 'a call that failed has no invented numbers',
    scope: 'mine',
    play: (tracer) =>
      within(tracer, 'invoke_agent a', {}, () =>
        within(
          tracer,
          'chat m',
          at({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }),
          (span) => span.setStatus({ code: SpanStatusCode.ERROR, message: '429' }),
        ),
      ),
    lines: ['spawn a a -', 'usage a m - - - - - - 429', 'exit a ok'],
  },
  {
    what: 'MCP: the protocol’s span within a tool’s is the same run',
    scope: 'mcp',
    play: (tracer) =>
      within(tracer, 'invoke_agent a', {}, () =>
        within(tracer, 'execute_tool look', {}, () => {
          const call = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'look' }
          within(tracer, 'tools/call look', at(call), nothing)
          within(tracer, 'tools/list', at({ 'mcp.method.name': 'tools/list' }), nothing)
        }),
      ),
    lines: ['spawn a a -', 'tool.start a look -', 'tool a look true - - - -', 'exit a ok'],
  },
  {
    what: 'AI SDK before 7: only the inner spans are calls',
    scope: 'ai',
    play(tracer) {
      const run = { 'ai.operationId': 'ai.generateText', 'ai.telemetry.functionId': 'writer' }
      within(tracer, 'ai.generateText', at(run), (root) => {
        const call = { 'ai.operationId': 'ai.generateText.doGenerate', 'ai.model.id': 'm' }
        within(tracer, 'ai.generateText.doGenerate', at(call), (span) =>
          span.setAttributes({
            'ai.usage.inputTokens': 9,
            'ai.usage.outputTokens': 3,
            'ai.usage.cachedInputTokens': 2,
            'ai.response.id': 'r',
          }),
        )
        const tool = { 'ai.operationId': 'ai.toolCall', 'ai.toolCall.name': 'look', 'ai.toolCall.id': 'c' }
        within(tracer, 'ai.toolCall', at({ ...tool, 'ai.toolCall.args': '{}' }), nothing)
        root.setAttribute('ai.usage.inputTokens', 9)
      })
    },
    lines: [
      'spawn writer writer -',
      'usage writer m 9 3 2 - r - -',
      'tool.start writer look c',
      'tool writer look true c 2 - -',
      'exit writer ok',
    ],
  },
  {
    what: 'OpenInference over OpenAI Agents: the root is no agent, a hand-off is a message',
    scope: '@arizeai/openinference-instrumentation-openai-agents',
    play(tracer) {
      late(tracer, 'Agent workflow', { 'openinference.span.kind': 'AGENT' }, () => {
        late(tracer, 'triage', { 'openinference.span.kind': 'AGENT', 'graph.node.id': 'triage' }, () => {
          late(tracer, 'response', { 'openinference.span.kind': 'LLM' }, (span) =>
            span.setAttributes({
              'llm.model_name': 'm',
              'llm.token_count.prompt': 5,
              'llm.token_count.completion': 1,
              'llm.token_count.prompt_details.cache_read': 3,
            }),
          )
          late(tracer, 'handoff_to_coder', { 'openinference.span.kind': 'TOOL' }, nothing)
        })
        late(tracer, 'coder', { 'openinference.span.kind': 'AGENT', 'graph.node.id': 'coder' }, nothing)
      })
    },
    lines: [
      'spawn triage triage -',
      'usage triage m 5 1 3 - - - -',
      'message triage transfer coder',
      'exit triage ok',
      'spawn coder coder -',
      'exit coder ok',
    ],
  },
  {
    what: 'OpenInference over LangGraph: what is above a node is the run of a graph; an interrupt is a wait',
    scope: '@arizeai/openinference-instrumentation-langchain',
    play(tracer) {
      const chain = { 'openinference.span.kind': 'CHAIN' }
      const tool = { 'openinference.span.kind': 'TOOL' }
      const at = (ns: string) => ({ metadata: JSON.stringify({ langgraph_checkpoint_ns: ns }) })
      const stop = (span: Span, message: string) => span.setStatus({ code: SpanStatusCode.ERROR, message })
      const asked = '[\n  {\n    "id": "i-1",\n    "value": "Go on?"\n  }\n]\n\nGraphInterrupt: [...]'
      const run = (input: string, work: () => void) =>
        late(tracer, 'LangGraph', chain, (root) => {
          late(tracer, '__start__', chain, (span) => span.setAttributes(at('__start__:1')))
          work()
          root.setAttributes({ 'input.value': input, 'session.id': 't-1' })
        })
      run('{"messages":[]}', () => {
        late(tracer, 'researcher', chain, (node) => {
          late(tracer, 'researcher', chain, (graph) => {
            late(tracer, '__start__', chain, (span) => span.setAttributes(at('researcher:1|__start__:2')))
            late(tracer, 'agent', chain, () => {
              late(tracer, 'ChatModel', { 'openinference.span.kind': 'LLM', 'llm.model_name': 'm' }, (span) =>
                span.setAttributes({ 'llm.token_count.prompt': 5, ...at('researcher:1|agent:2') }),
              )
            })
            late(tracer, 'tools', chain, (tools) => {
              late(tracer, 'transfer_to_writer', tool, (span) => {
                span.setAttributes(at('researcher:1|tools:3'))
                stop(span, 'ParentCommand')
              })
              late(tracer, 'transfer_to_editor', tool, (span) =>
                span.setAttributes({
                  ...at('researcher:1|tools:3'),
                  'output.value': '{"output":{"lg_name":"Command","update":{"a":["b"]},"goto":["chief"]}}',
                }),
              )
              late(tracer, 'ask', tool, (span) => stop(span, asked))
              stop(tools, asked)
            })
            stop(graph, asked)
          })
          stop(node, asked)
        })
      })
      run('{"lg_name":"Command","resume":"no","goto":[]}', () => {})
    },
    lines: [
      'spawn LangGraph LangGraph -',
      'spawn researcher researcher LangGraph',
      'usage researcher m 5 - - - - - -',
      'tool.start researcher transfer_to_writer -',
      'tool researcher transfer_to_writer true - - - -',
      'message researcher transfer writer',
      'tool.start researcher transfer_to_editor -',
      'tool researcher transfer_to_editor true - - 70 -',
      'message researcher transfer chief',
      'tool.start researcher ask -',
      'escalate researcher human',
      'exit researcher ok',
      'exit LangGraph ok',
      'spawn LangGraph LangGraph -',
      'approval  false code',
      'exit LangGraph ok',
    ],
  },
  {
    what: 'OpenLLMetry',
    scope: '@traceloop/instrumentation-openai',
    play(tracer) {
      late(
        tracer,
        'planner.agent',
        { 'traceloop.span.kind': 'agent', 'traceloop.entity.name': 'planner' },
        () => {
          const call = { 'gen_ai.system': 'OpenAI', 'llm.request.type': 'chat', 'gen_ai.request.model': 'm' }
          within(tracer, 'openai.chat', at(call), (span) =>
            span.setAttributes({ 'gen_ai.usage.prompt_tokens': 4, 'gen_ai.usage.completion_tokens': 2 }),
          )
          late(
            tracer,
            'look.tool',
            { 'traceloop.span.kind': 'tool', 'traceloop.entity.name': 'look' },
            nothing,
          )
        },
      )
    },
    lines: [
      'spawn planner planner -',
      'usage planner m 4 2 - - - - -',
      'tool.start planner look -',
      'tool planner look true - - - -',
      'exit planner ok',
    ],
  },
  {
    what: 'OpenLLMetry counts Anthropic’s input without the cache',
    scope: '@traceloop/instrumentation-anthropic',
    play(tracer) {
      const agent = { 'traceloop.span.kind': 'agent', 'traceloop.entity.name': 'planner' }
      late(tracer, 'planner.agent', agent, () => {
        within(
          tracer,
          'chat m',
          at({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }),
          (span) =>
            span.setAttributes({
              'gen_ai.usage.input_tokens': 4,
              'gen_ai.usage.output_tokens': 2,
              'gen_ai.usage.cache_read.input_tokens': 30,
              'gen_ai.usage.cache_creation.input_tokens': 200,
            }),
        )
      })
    },
    lines: ['spawn planner planner -', 'usage planner m 234 2 30 200 - - -', 'exit planner ok'],
  },
  {
    what: 'Langfuse: a level says that a call failed',
    scope: 'langfuse-sdk',
    play(tracer) {
      within(tracer, 'planner', at({ 'langfuse.observation.type': 'agent' }), () => {
        const call = { 'langfuse.observation.type': 'generation', 'langfuse.observation.model.name': 'm' }
        within(tracer, 'OpenAI.chat', at(call), (span) =>
          span.setAttributes({
            'langfuse.observation.level': 'ERROR',
            'langfuse.observation.status_message': 'Error: 400 no',
          }),
        )
      })
    },
    lines: ['spawn planner planner -', 'usage planner m - - - - - - Error: 400 no', 'exit planner ok'],
  },
  {
    what: 'Langfuse: what came from the cache is input too',
    scope: 'langfuse-sdk',
    play(tracer) {
      within(tracer, 'planner', at({ 'langfuse.observation.type': 'agent' }), () => {
        const call = { 'langfuse.observation.type': 'generation', 'langfuse.observation.model.name': 'm' }
        within(tracer, 'answer', at(call), (span) =>
          span.setAttribute(
            'langfuse.observation.usage_details',
            JSON.stringify({ input: 5, output: 2, input_cached_tokens: 3 }),
          ),
        )
      })
    },
    lines: ['spawn planner planner -', 'usage planner m 8 2 3 - - - -', 'exit planner ok'],
  },
  {
    what: 'Langfuse over LangChain: what is told beside input and output was taken out of them',
    scope: 'langfuse-sdk',
    play(tracer) {
      within(tracer, 'planner', at({ 'langfuse.observation.type': 'agent' }), () => {
        const call = { 'langfuse.observation.type': 'generation', 'langfuse.observation.model.name': 'm' }
        within(tracer, 'ChatOpenAI', at(call), (span) =>
          span.setAttribute(
            'langfuse.observation.usage_details',
            JSON.stringify({
              input: 5,
              output: 2,
              total: 21,
              input_cache_read: 3,
              input_cache_creation: 4,
              input_audio: 1,
              output_reasoning: 6,
            }),
          ),
        )
      })
    },
    lines: ['spawn planner planner -', 'usage planner m 13 8 3 4 - - -', 'exit planner ok'],
  },
  {
    what: 'Langfuse over LangGraph: graphs are agents, also one called like the node that it runs in',
    scope: 'langfuse-sdk',
    play(tracer) {
      const plain = { 'langfuse.observation.type': 'span' }
      const node = (namespace: string) => ({
        ...plain,
        'langfuse.observation.metadata.langgraph_checkpoint_ns': namespace,
      })
      late(tracer, 'team', plain, () =>
        late(tracer, 'planner', node('planner:1'), () =>
          late(tracer, 'planner', node('planner:1'), () =>
            late(tracer, 'tools', node('planner:1|tools:2'), () => {
              const tool = { ...node('planner:1|tools:2'), 'langfuse.observation.type': 'tool' }
              late(tracer, 'transfer_to_coder', tool, (span) =>
                span.setAttribute(
                  'langfuse.observation.output',
                  '{"lg_name":"Command","update":{},"goto":["coder"],"graph":"__parent__"}',
                ),
              )
            }),
          ),
        ),
      )
    },
    lines: [
      'spawn team team -',
      'spawn planner planner team',
      'tool.start planner transfer_to_coder -',
      'tool planner transfer_to_coder true - - 71 -',
      'message planner transfer coder',
      'exit planner ok',
      'exit team ok',
    ],
  },
  {
    what: 'Mastra’s bridge: a name at the start, all else at the end',
    scope: '@mastra/otel-bridge',
    play(tracer) {
      within(tracer, "agent run: 'lead-1'", {}, (agent) => {
        within(tracer, "llm: 'm'", {}, (generation) => {
          within(tracer, 'model inference', {}, (span) =>
            span.setAttributes({
              'mastra.span.type': 'model_inference',
              'gen_ai.operation.name': 'chat',
              'gen_ai.request.model': 'm',
              'gen_ai.agent.id': 'lead-1',
              'gen_ai.usage.input_tokens': 6,
              'gen_ai.usage.output_tokens': 1,
            }),
          )
          generation.setAttributes({
            'mastra.span.type': 'model_generation',
            'gen_ai.operation.name': 'model_generation',
            'gen_ai.usage.input_tokens': 6,
          })
        })
        within(tracer, "tool: 'look'", {}, (span) =>
          span.setAttributes({
            'mastra.span.type': 'tool_call',
            'gen_ai.operation.name': 'execute_tool',
            'gen_ai.tool.name': 'look',
          }),
        )
        agent.updateName('invoke_agent lead-1')
        agent.setAttributes({
          'mastra.span.type': 'agent_run',
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.agent.id': 'lead-1',
        })
      })
    },
    lines: [
      'spawn lead-1 lead-1 -',
      'usage lead-1 m 6 1 - - - - -',
      'tool.start lead-1 look -',
      'tool lead-1 look true - - - -',
      'exit lead-1 ok',
    ],
  },
  {
    what: 'Claude Code: a person is asked; a tool that was not allowed did not run',
    scope: 'com.anthropic.claude_code.tracing',
    play(tracer) {
      within(tracer, 'claude_code.interaction', at({ 'gen_ai.operation.name': 'invoke_agent' }), () => {
        within(tracer, 'claude_code.llm_request', at({ model: 'm' }), (span) =>
          span.setAttributes({
            input_tokens: 2,
            output_tokens: 3,
            cache_read_tokens: 40,
            cache_creation_tokens: 5,
          }),
        )
        const tool = (name: string, id: string, answer: Attributes, run?: Attributes): void =>
          within(tracer, 'claude_code.tool', at({ tool_name: name, tool_use_id: id }), () => {
            within(tracer, 'claude_code.tool.blocked_on_user', at({ ...answer, tool_use_id: id }), nothing)
            if (run !== undefined) within(tracer, 'claude_code.tool.execution', at(run), nothing)
          })
        tool('Bash', 'c-1', { decision: 'reject', source: 'user_reject' })
        tool('Edit', 'c-2', { decision: 'reject', source: 'config' })
        tool('Read', 'c-3', { decision: 'accept', source: 'user_temporary' }, { success: true })
        tool('Write', 'c-4', { decision: 'accept', source: 'config' }, { success: false, error: 'EROFS' })
      })
    },
    lines: [
      'spawn claude claude -',
      'usage claude m 47 3 40 5 - - -',
      'escalate claude human',
      'approval  false cli',
      'escalate claude human',
      'approval  true cli',
      'tool.start claude Read c-3',
      'tool claude Read true c-3 - - -',
      'tool.start claude Write c-4',
      'tool claude Write false c-4 - - EROFS',
      'exit claude ok',
    ],
  },
]

for (const registration of REGISTERED) {
  for (const { what, scope, play, lines } of STORIES) {
    test(`${registration}: ${what}`, async (t) => {
      const { file, provider } = tempProvider(t, registration)
      atOnce(t, () => play(provider.getTracer(scope)))
      await provider.shutdown()
      const written = eventsOf(file).map(said)
      // Lines of one millisecond may be in another order where spans come when they have ended.
      if (registration === 'live' && !what.includes('LangGraph')) assert.deepEqual(written, lines)
      else assert.deepEqual([...written].sort(), [...lines].sort())
    })
  }
}

test('an agent that shows at its end only: its spawn is first, and at its time', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'live')
  const before = Date.now()
  within(tracer, 'work', {}, (span) => {
    span.addEvent('hive.note')
    tracer.startSpan('execute_tool look').end()
    span.setAttributes({ 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'late' })
  })
  await provider.shutdown()
  const lines = eventsOf(file)
  assert.deepEqual(
    lines.map(({ kind, agentId }) => `${kind} ${agentId}`),
    ['spawn late', 'note late', 'tool.start late', 'tool late', 'exit late'],
  )
  assert.ok((lines[0]?.ts as number) >= before - 1 && (lines[0]?.ts as number) <= (lines[1]?.ts as number))
})

test('live: a model’s call under a span of which nothing is known is in the file while that span is open', async (t) => {
  const { file, provider, tracer } = tempProvider(t, 'live')
  const request = tracer.startSpan('request')
  within(tracer, 'execute_tool look', {}, nothing)
  await until(() => eventsOf(file).some(({ kind }) => kind === 'tool'), 'its line')
  assert.equal(oneEvent(file, 'tool').name, 'look')
  request.end()
  await provider.shutdown()
})
