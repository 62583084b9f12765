import { turns } from '../../../examples/frameworks/ai-sdk/turns.mjs'
import { ALONE, BESIDE } from '../kit/beside.mjs'
import { exampleTruth, suite } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })

/** Research in two tools of the lead's, at once; then a call of nobody's. */
const subAgents = {
  program: 'sub-agents.mjs',
  turns: () => [
    {
      agent: 'lead',
      when: 'What do bees do?',
      tools: [
        call('research', { topic: 'honey' }, 'c-research'),
        call('summarise', { topic: 'wax' }, 'c-sum'),
      ],
      usage: { input: 400, output: 30, cacheRead: 128 },
    },
    { agent: 'researcher', when: '"honey"', delayMs: 50, tools: [call('search', { q: 'honey' }, 'c-honey')] },
    { agent: 'writer', when: '"wax"', chunkMs: 20, tools: [call('search', { q: 'broken' }, 'c-wax')] },
    { agent: 'researcher', when: 'c-honey', text: 'honey is made' },
    { agent: 'writer', when: 'c-wax', text: 'wax is what they build with', chunkMs: 20 },
    { agent: 'lead', when: 'c-sum', text: 'They make honey and wax.' },
    { when: 'hello', text: 'hi' },
  ],
  output: 'They make honey and wax.\nhi',
  truth: {
    agents: [{ name: 'lead' }, { name: 'researcher', parent: 'lead' }, { name: 'writer', parent: 'lead' }],
    tools: [
      { agent: 'lead', name: 'research', toolCallId: 'c-research' },
      { agent: 'lead', name: 'summarise', toolCallId: 'c-sum' },
      { agent: 'researcher', name: 'search', toolCallId: 'c-honey' },
      { agent: 'writer', name: 'search', toolCallId: 'c-wax', ok: false },
    ],
    absent: ['sk-proj-4Zq8', 'What do bees do', 'honey is made', 'found honey'],
  },
  check: ({ lines }) => {
    const streamed = lines.filter(({ event }) => event.ttftMs !== undefined).map(({ event }) => event)
    const wrong = streamed.filter(({ agentId, ms, ttftMs }) => agentId !== 'writer' || !(ttftMs <= ms))
    if (streamed.length === 2 && wrong.length === 0) return []
    return [`the first piece of two streams is timed, not ${JSON.stringify(streamed)}`]
  },
}

const approvals = (how) => ({
  name: `tools that a person allows${how === undefined ? '' : ', streamed'}`,
  programs: [`approvals.mjs ask ${how ?? ''}`, `approvals.mjs answer ${how ?? ''}`],
  turns: () => [
    {
      agent: 'cleaner',
      tools: [
        call('removeFile', { path: '/tmp/a' }, 'c-file'),
        call('removeFolder', { path: '/tmp/b' }, 'c-folder'),
      ],
    },
    { agent: 'cleaner', when: 'c-folder', text: 'One is removed.' },
  ],
  output: 'asked\nOne is removed.',
  truth: {
    sessions: 2,
    agents: [{ name: 'cleaner' }, { name: 'cleaner' }],
    tools: [{ agent: 'cleaner', name: 'removeFile', toolCallId: 'c-file' }],
    escalations: [
      { from: 'cleaner', subject: 'removeFile', approve: true },
      { from: 'cleaner', subject: 'removeFolder', approve: false },
    ],
    absent: ['/tmp/a'],
  },
})

await suite(import.meta.url, {
  framework: 'AI SDK',
  package: 'ai',
  scenarios: [
    {
      ...subAgents,
      name: 'agents in tools, at once',
      modes: {
        register: {},
        startHive: {},
        'startHive, loaded before': { imports: ['./loaded-before.mjs'] },
      },
    },
    {
      ...subAgents,
      name: 'integrations of its own',
      modes: {
        register: { env: { HIVELOG_TEST_PER_CALL: '1' } },
        startHive: { env: { HIVELOG_TEST_PER_CALL: '1' } },
      },
    },
    {
      ...subAgents,
      name: 'with telemetry of its own',
      output: `${subAgents.output}\n22 spans, 4 of agents`,
      modes: {
        register: { imports: ['./own-telemetry.mjs'] },
        startHive: { imports: ['./own-telemetry.mjs'] },
      },
    },
    {
      ...subAgents,
      name: 'spans of @ai-sdk/otel alone',
      alone: ALONE,
      modes: { processor: BESIDE.processor },
      env: () => ({ HIVELOG_TEST_NAMED: '1' }),
      truth: ({ server }) => ({
        ...subAgents.truth,
        // A run that nobody named is an agent's all the same.
        agents: [...subAgents.truth.agents, { name: 'agent' }],
        calls: server.calls.map((each) => ({ ...each, agent: each.agent ?? 'agent' })),
        messages: ['researcher', 'writer'].flatMap((name) => [
          { from: 'lead', to: name, act: 'delegate' },
          { from: name, to: 'lead', act: 'return' },
        ]),
      }),
      check: () => [],
    },
    approvals(),
    approvals('stream'),
    {
      name: 'failures, embeddings, objects',
      program: 'failures.mjs',
      turns: () => [
        { agent: 'refused', when: 'refuse this"', error: { status: 400, message: 'no' } },
        { agent: 'refused-stream', when: 'refuse this too', error: { status: 400, message: 'no' } },
        { agent: 'cut', when: 'cut this', text: 'half of a long answer', abort: true, chunkMs: 5 },
        { agent: 'given-up', when: 'take your time', text: 'this takes very long', chunkMs: 60 },
        { usage: { input: 5 } },
        { usage: { input: 9 } },
        { agent: 'objects', text: '{"colour":"red"}' },
      ],
      output: 'refused: AI_APICallError\nrefused: error\ncut: error\ngiven up: abort\nred',
      truth: {
        agents: [
          { name: 'refused', status: 'error' },
          { name: 'refused-stream', status: 'error' },
          { name: 'cut', status: 'error' },
          { name: 'given-up', status: 'killed' },
          { name: 'objects' },
        ],
      },
    },
    {
      name: 'one name at once',
      program: 'same-names.mjs',
      turns: () => [
        ...['first', 'second', 'third'].map((which) => ({
          agent: 'worker',
          when: `${which} task`,
          delayMs: 100,
        })),
        { agent: 'solver', when: 'the whole', tools: [call('divide', { part: 'a half' }, 'c-1')] },
        { agent: 'solver', when: '"a half"', text: 'half' },
        { agent: 'solver', when: 'c-1', text: 'solved' },
      ],
      output: 'solved',
      truth: {
        agents: [
          { name: 'worker' },
          { name: 'worker' },
          { name: 'worker' },
          { name: 'solver' },
          { name: 'solver', parent: 'solver' },
        ],
        tools: [{ agent: 'solver', name: 'divide', toolCallId: 'c-1' }],
      },
      check: ({ lines }) => {
        const ids = new Set(
          lines
            .filter(({ event }) => event.kind === 'spawn' && event.pid === undefined)
            .map(({ event }) => event.agentId),
        )
        return ids.size === 5 ? [] : [`five agents have five ids, not ${[...ids]}`]
      },
    },
    {
      name: 'the example',
      program: '../../../examples/frameworks/ai-sdk/main.mjs',
      env: () => ({ OPENAI_BASE_URL: undefined, OPENAI_API_KEY: undefined }),
      truth: {
        ...exampleTruth(turns),
        agents: [
          { name: 'editor' },
          { name: 'reporter', parent: 'editor' },
          { name: 'reporter', parent: 'editor' },
          // It goes on after the person's answer.
          { name: 'editor' },
        ],
        tools: [
          { agent: 'editor', name: 'askReporter', toolCallId: 'call_harbour' },
          { agent: 'editor', name: 'askReporter', toolCallId: 'call_fish' },
          { agent: 'reporter', name: 'readArchive', toolCallId: 'call_archive_harbour' },
          { agent: 'reporter', name: 'readArchive', toolCallId: 'call_archive_fish' },
          { agent: 'editor', name: 'publish', toolCallId: 'call_publish' },
        ],
        escalations: [{ from: 'editor', subject: 'publish', approve: true }],
      },
    },
  ],
})
