import { copyFileSync } from 'node:fs'
import { ALONE, BESIDE } from '../kit/beside.mjs'
import { graph, task, unaddressed } from '../kit/graph-by-spans.mjs'
import { suite } from '../kit/suite.mjs'

// A program's packages are those of its folder.
for (const [from, to] of [
  ['agents.mjs', 'hand-over.mjs'],
  ['interrupts.mjs', 'interrupts.mjs'],
  ['kept-saver.mjs', 'kept-saver.mjs'],
  ['same-names.mjs', 'same-names.mjs'],
]) {
  copyFileSync(new URL(`../langchain/${from}`, import.meta.url), new URL(to, import.meta.url))
}

const call = (name, args, id) => ({ name, args, id })

/** What OpenInference's spans say of a call; where the wire is seen too, that says what they lack. */
function told(call, mode) {
  if (mode !== 'processor') return [call]
  // The span of a call that is refused is never ended.
  if (call.error !== undefined) return []
  const isStreamedText = call.stream && call.api !== 'responses'
  if (call.api === 'embeddings' || (isStreamedText && call.provider === 'openai')) {
    return [{ ...call, inputTokens: undefined, outputTokens: undefined, responseId: undefined }]
  }
  return [isStreamedText ? { ...call, responseId: undefined } : call]
}

const env = { HIVELOG_TEST_INSTRUMENT: 'langchain' }

await suite(import.meta.url, {
  framework: 'OpenInference',
  package: '@arizeai/openinference-instrumentation-openai',
  scenarios: [
    {
      name: 'agents around OpenAI and Anthropic',
      program: 'clients.mjs',
      alone: ALONE,
      modes: BESIDE,
      turns: () => [
        {
          agent: 'lead',
          tools: [call('research', { topic: 'honey' }, 'c-research')],
          usage: { input: 400, output: 30, cacheRead: 128 },
        },
        { agent: 'researcher', tools: [call('search', { q: 'honey' }, 'c-search')] },
        {
          agent: 'researcher',
          text: 'honey is made',
          chunkMs: 5,
          usage: { input: 300, output: 20, cacheRead: 40, cacheWrite: 60 },
        },
        { agent: 'lead', text: 'They make honey.', usage: { input: 500, output: 40, cacheRead: 64 } },
        { text: 'hi', chunkMs: 10 },
        { text: 'hi', chunkMs: 10 },
        { usage: { input: 5 } },
        { error: { status: 400, message: 'no' } },
      ],
      output: 'They make honey.\nhi\nhi\n3\n400',
      truth: ({ server, mode }) => ({
        calls: server.calls.flatMap((each) => told(each, mode)),
        agents: [{ name: 'lead' }, { name: 'researcher', parent: 'lead' }],
        tools: [
          { agent: 'lead', name: 'research' },
          { agent: 'researcher', name: 'search' },
          { agent: 'lead', name: 'compile', ok: false },
        ],
        messages: [
          { from: 'lead', to: 'researcher', act: 'delegate' },
          { from: 'researcher', to: 'lead', act: 'return' },
        ],
        absent: ['sk-proj-4Zq8', 'What do bees do', 'honey is made', 'found honey'],
      }),
    },
    graph('a team that hands over', { program: 'hand-over.mjs', tasks: task('coder', 'reviewer'), env }),
    graph('a team that hands over', {
      name: 'a team that hands over, its client instrumented too',
      program: 'hand-over.mjs',
      tasks: task('coder', 'reviewer'),
      env: { HIVELOG_TEST_INSTRUMENT: 'langchain openai' },
    }),
    graph('waits for people', { env }),
    graph('waits for people, over processes', { env, escalations: unaddressed }),
    graph('one name at once', { env, tasks: task('solver', 'solver') }),
  ],
})
