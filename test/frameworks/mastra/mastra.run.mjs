import { turns } from '../../../examples/frameworks/mastra/turns.mjs'
import { exampleTruth, suite } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })
/**
 * Mastra does not tell a call's id, and its tokens only after the tools that the model asked for, or never: they are read
 * off the wire, and whose they are is known by the span that runs the call.
 */
const unknown = ['responseId']

/** Mastra's own work on an answer holds the event loop for some 50 ms, and nobody reads the wire meanwhile. */
const liveMs = 250

const approvals = (answer) => ({
  liveMs,
  name: answer ? 'a tool that a person allows' : 'a tool that a person forbids',
  programs: ['approvals.mjs ask', `approvals.mjs answer ${answer ? 'yes' : 'no'}`],
  turns: () => [
    { agent: 'lead', when: 'Clean up', tools: [call('remove', { what: '/tmp/a' }, 'c-remove')] },
    { agent: 'lead', when: 'c-remove', text: 'Done.' },
  ],
  output: 'asked\nDone.',
  truth: (run) => ({
    unknown,
    calls: run.server.calls,
    sessions: 2,
    agents: [{ name: 'lead' }, { name: 'lead' }],
    tools: answer ? [{ agent: 'lead', name: 'remove', toolCallId: 'c-remove' }] : [],
    escalations: [{ from: 'lead', subject: 'remove', approve: answer }],
    absent: ['/tmp/a'],
  }),
})

await suite(import.meta.url, {
  framework: 'Mastra',
  package: '@mastra/core',
  scenarios: [
    {
      name: 'agents in agents',
      liveMs,
      program: 'agents.mjs',
      turns: () => [
        {
          agent: 'lead',
          when: 'Ask the worker',
          tools: [call('agent-worker', { prompt: 'find honey' }, 'c-worker')],
          usage: { input: 400, output: 30, cacheRead: 128 },
        },
        {
          agent: 'worker',
          when: 'You work',
          tools: [
            call('search', { what: 'honey' }, 'c-honey'),
            call('search', { what: 'broken' }, 'c-broken'),
          ],
        },
        { agent: 'worker', when: 'c-broken', text: 'honey is found' },
        { agent: 'lead', when: 'c-worker', text: 'It is found.' },
        { agent: 'lead', when: 'And again', text: 'Again.' },
      ],
      output: 'It is found.\nAgain.',
      truth: (run) => ({
        unknown,
        calls: run.server.calls,
        agents: [{ name: 'lead' }, { name: 'worker', parent: 'lead' }, { name: 'lead' }],
        tools: [
          { agent: 'lead', name: 'agent-worker', toolCallId: 'c-worker' },
          { agent: 'worker', name: 'search', toolCallId: 'c-honey' },
          { agent: 'worker', name: 'search', toolCallId: 'c-broken', ok: false },
        ],
        messages: [
          { from: 'lead', to: 'worker', act: 'delegate' },
          { from: 'worker', to: 'lead', act: 'return' },
        ],
        absent: ['sk-proj-4Zq8', 'find honey', 'found honey', 'honey is found'],
      }),
    },
    {
      name: 'agents at once, of which one is refused',
      liveMs,
      program: 'at-once.mjs',
      turns: () => [
        { agent: 'quick', when: 'Be quick', error: { status: 429, message: 'slow down' } },
        { agent: 'quick', when: 'Be quick', text: 'Quick.' },
        {
          agent: 'worker',
          when: 'Take your time',
          delayMs: 300,
          tools: [call('search', { what: 'weather' }, 'c-weather')],
        },
        { agent: 'worker', when: 'c-weather', text: 'Slow.' },
      ],
      output: 'Slow.\nQuick.',
      truth: (run) => ({
        unknown,
        calls: run.server.calls,
        agents: [{ name: 'worker' }, { name: 'quick' }],
        tools: [{ agent: 'worker', name: 'search', toolCallId: 'c-weather' }],
      }),
      check: ({ lines }) => {
        const whose = lines
          .filter(({ event }) => event.path === '/v1/weather')
          .map(({ event }) => event.agentId)
        return whose.join() === 'worker-1' ? [] : [`the weather was asked for by ${whose.join()}`]
      },
    },
    approvals(true),
    approvals(false),
    {
      name: 'without observability',
      liveMs,
      program: 'agents.mjs unobserved',
      env: () => ({ HIVELOG_TEST_UNOBSERVED: '1' }),
      turns: () => [{ text: 'It is found.' }, { text: 'Again.' }],
      output: 'It is found.\nAgain.',
      says: /Mastra runs without observability|nothing was recorded/,
      // Whose its calls are is not known then.
      truth: (run) => ({ calls: run.server.calls }),
      check: ({ ran }) =>
        ran.some(({ stderr }) => stderr.includes('Mastra runs without observability'))
          ? []
          : ['it does not say that observability is missing'],
    },
    {
      name: 'the example',
      liveMs,
      program: '../../../examples/frameworks/mastra/main.mjs',
      env: () => ({ OPENAI_BASE_URL: undefined, OPENAI_API_KEY: undefined }),
      truth: {
        ...exampleTruth(turns),
        agents: [{ name: 'baker' }, { name: 'buyer', parent: 'baker' }, { name: 'baker' }],
        tools: [
          { agent: 'baker', name: 'agent-buyer', toolCallId: 'call_buyer' },
          { agent: 'buyer', name: 'lookInStore', toolCallId: 'call_store' },
          { agent: 'baker', name: 'lightOven', toolCallId: 'call_oven' },
        ],
        messages: [
          { from: 'baker', to: 'buyer', act: 'delegate' },
          { from: 'buyer', to: 'baker', act: 'return' },
        ],
        escalations: [{ from: 'baker', subject: 'lightOven', approve: true }],
      },
    },
  ],
})
