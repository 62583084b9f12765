/** What is tried with each major of LangGraph. */
import { turns } from '../../../examples/frameworks/langchain/turns.mjs'
import { exampleTruth } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })

const interrupts = {
  turns: () => [
    { agent: 'cleaner', tools: [call('remove', { path: '/tmp/folder' }, 'c-remove')] },
    { agent: 'cleaner', when: 'c-remove', text: 'It is removed.' },
  ],
}
/** What both agents ask, and what people answer: one by its id, the other as the only one that still waits. */
const waits = {
  tools: [
    // LangGraph runs it once until it asks, and once with the answer.
    { agent: 'cleaner', name: 'remove', toolCallId: 'c-remove', isCut: true },
    { agent: 'cleaner', name: 'remove', toolCallId: 'c-remove' },
  ],
  escalations: [
    { from: 'cleaner', subject: 'Remove the folder?', approve: true },
    { from: 'publisher', subject: 'Publish it?', approve: false },
  ],
  absent: ['/tmp/folder'],
}
const houses = [
  { name: 'house' },
  { name: 'cleaner', parent: 'house' },
  { name: 'publisher', parent: 'house' },
]

const failures = {
  name: 'failures',
  program: 'failures.mjs',
  turns: () => [
    { agent: 'refused', when: 'refuse this', error: { status: 400, message: 'no' } },
    { agent: 'cut', when: 'cut this', text: 'half of a long answer', abort: true, chunkMs: 5 },
    { agent: 'given-up', when: 'take your time', text: 'too late', delayMs: 600 },
  ],
  output: 'refused failed\ncut failed\ngiven-up failed',
  truth: ({ server }) => ({
    agents: [
      { name: 'refused', status: 'error' },
      { name: 'cut', status: 'error' },
      { name: 'given-up', status: 'killed' },
    ],
    // The program gave the last one up; the server knows nothing of that.
    calls: server.calls.map((each) =>
      each.agent === 'given-up' ? { ...each, error: 'aborted', endedAt: undefined } : each,
    ),
  }),
}

export const scenarios = [
  {
    name: 'a team that hands over',
    program: 'agents.mjs',
    turns: () => [
      {
        agent: 'planner',
        when: 'Build a hive',
        tools: [call('transfer_to_coder', {}, 'c-over')],
        usage: { input: 400, output: 30, cacheRead: 128 },
      },
      {
        agent: 'coder',
        when: 'c-over',
        tools: [
          call('review', { what: 'the comb' }, 'c-review'),
          call('compile', { what: 'it' }, 'c-compile'),
        ],
      },
      { agent: 'reviewer', when: '"the comb"', tools: [call('search', { what: 'wax' }, 'c-search')] },
      { agent: 'reviewer', when: 'c-search', text: 'it holds' },
      { agent: 'coder', when: 'c-compile', text: 'built' },
      { agent: 'team', when: 'sum it up', text: 'A hive is built.', chunkMs: 10 },
      { when: 'hello', text: 'hi' },
    ],
    output: 'A hive is built.\nhi',
    truth: {
      agents: [
        { name: 'team' },
        { name: 'planner', parent: 'team' },
        { name: 'coder', parent: 'team' },
        { name: 'reviewer', parent: 'coder' },
      ],
      tools: [
        { agent: 'planner', name: 'transfer_to_coder', toolCallId: 'c-over' },
        { agent: 'coder', name: 'review', toolCallId: 'c-review' },
        { agent: 'coder', name: 'compile', toolCallId: 'c-compile', ok: false },
        { agent: 'reviewer', name: 'search', toolCallId: 'c-search' },
      ],
      messages: [{ from: 'planner', to: 'coder', act: 'transfer' }],
      absent: ['sk-proj-4Zq8', 'Build a hive', 'the comb', 'found wax', 'it holds'],
    },
    check: ({ lines }) => {
      const streamed = lines.filter(({ event }) => event.ttftMs !== undefined).map(({ event }) => event)
      if (streamed.length === 1 && streamed[0].ttftMs <= streamed[0].ms) return []
      return [`the first piece of one stream is timed, not ${JSON.stringify(streamed)}`]
    },
  },
  {
    ...interrupts,
    name: 'waits for people',
    program: 'interrupts.mjs alone',
    output: 'ask 2\nfirst 2\nsecond 0',
    // The publisher, which still waits, runs again when the cleaner is answered.
    truth: {
      ...waits,
      agents: [...houses, ...houses, { name: 'house' }, { name: 'publisher', parent: 'house' }],
    },
  },
  {
    ...interrupts,
    name: 'waits for people, over processes',
    programs: ['interrupts.mjs ask', 'interrupts.mjs first', 'interrupts.mjs second'],
    output: 'ask 2\nfirst 2\nsecond 0',
    truth: {
      ...waits,
      sessions: 3,
      // The second process asks for the publisher again: what the first one asked it cannot know.
      escalations: [...waits.escalations, { ...waits.escalations[1], isAgain: true }],
      agents: [...houses, ...houses, { name: 'house' }, { name: 'publisher', parent: 'house' }],
    },
  },
  {
    name: 'tools that a person allows',
    program: 'approvals.mjs',
    turns: () => [
      { agent: 'secretary', tools: [call('sendLetter', { to: 'Ann' }, 'c-letter')] },
      { agent: 'secretary', when: 'c-letter', tools: [call('sendMoney', { to: 'Ann' }, 'c-money')] },
      { agent: 'secretary', when: 'c-money', text: 'Only the letter.' },
    ],
    output: '1\n1\nOnly the letter.',
    truth: {
      agents: [{ name: 'secretary' }, { name: 'secretary' }, { name: 'secretary' }],
      tools: [{ agent: 'secretary', name: 'sendLetter', toolCallId: 'c-letter' }],
      escalations: [
        { from: 'secretary', subject: 'sendLetter', approve: true },
        { from: 'secretary', subject: 'sendMoney', approve: false },
      ],
    },
  },
  {
    name: 'supervisor and swarm',
    program: 'teams.mjs',
    turns: () => [
      {
        agent: 'supervisor',
        when: 'two and two',
        tools: [call('transfer_to_mathematician', {}, 'c-math')],
      },
      { agent: 'mathematician', when: 'You compute', text: 'four' },
      { agent: 'supervisor', when: 'four', text: 'It is four.' },
      { agent: 'alice', when: 'I want Bob', tools: [call('transfer_to_bob', {}, 'c-bob')] },
      { agent: 'bob', when: 'c-bob', text: 'Bob here.' },
    ],
    output: 'It is four.\nBob here.',
    truth: {
      agents: [
        { name: 'office' },
        { name: 'supervisor', parent: 'office' },
        { name: 'mathematician', parent: 'office' },
        { name: 'supervisor', parent: 'office' },
        { name: 'LangGraph' },
        { name: 'alice', parent: 'LangGraph' },
        { name: 'bob', parent: 'LangGraph' },
      ],
      tools: [
        { agent: 'supervisor', name: 'transfer_to_mathematician', toolCallId: 'c-math' },
        { agent: 'alice', name: 'transfer_to_bob', toolCallId: 'c-bob' },
      ],
      messages: [
        { from: 'supervisor', to: 'mathematician', act: 'transfer' },
        { from: 'alice', to: 'bob', act: 'transfer' },
      ],
    },
  },
  // Node 20 has no hooks for modules that could meet LangChain's callback managers.
  ...(process.versions.node.startsWith('20.') ? [] : [failures]),
  {
    name: 'one name at once',
    program: 'same-names.mjs',
    turns: () => [
      ...['first', 'second', 'third'].map((which) => ({
        agent: 'worker',
        when: `${which} task`,
        chunkMs: 5,
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
      const spawns = lines.filter(({ event }) => event.kind === 'spawn' && event.pid === undefined)
      const ids = new Set(spawns.map(({ event }) => event.agentId))
      return ids.size === 5 ? [] : [`five agents have five ids, not ${[...ids]}`]
    },
  },
  {
    name: 'the example',
    program: '../../../examples/frameworks/langchain/main.mjs',
    env: () => ({ OPENAI_BASE_URL: undefined, OPENAI_API_KEY: undefined }),
    truth: {
      ...exampleTruth(turns),
      agents: [
        { name: 'apiary' },
        { name: 'planner', parent: 'apiary' },
        { name: 'keeper', parent: 'apiary' },
        // They go on after the person's answer.
        { name: 'apiary' },
        { name: 'keeper', parent: 'apiary' },
      ],
      tools: [
        { agent: 'planner', name: 'transfer_to_keeper', toolCallId: 'call_over' },
        { agent: 'keeper', name: 'measure', toolCallId: 'call_measure' },
        { agent: 'keeper', name: 'openVent', toolCallId: 'call_vent', isCut: true },
        { agent: 'keeper', name: 'openVent', toolCallId: 'call_vent' },
      ],
      messages: [{ from: 'planner', to: 'keeper', act: 'transfer' }],
      escalations: [{ from: 'keeper', subject: 'open the vent', approve: true }],
    },
  },
]
