/** What OpenAI's Agents SDK is tried with, in the versions of this folder and of those beside it. */
import { turns } from '../../../examples/frameworks/openai-agents/turns.mjs'
import { exampleTruth } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })

/** Work that goes through three agents; the model answers the same by both of OpenAI's interfaces. */
const desk = (api, how) => ({
  name: `help desk, ${api}${how === undefined ? '' : ', streamed'}`,
  program: `desk.mjs ${api}${how === undefined ? '' : ' stream'}`,
  turns: () => [
    {
      agent: 'front desk',
      when: 'gpt-desk',
      tools: [
        call('look_up', { customer: 'ann' }, 'c-ann'),
        call('look_up', { customer: 'bob' }, 'c-bob'),
        call('ask_expert', { input: 'may we?' }, 'c-expert'),
      ],
      usage: { input: 300, output: 40, cacheRead: 100 },
    },
    { agent: 'expert', when: 'gpt-expert', tools: [call('look_up', { customer: 'cid' }, 'c-cid')] },
    { agent: 'expert', when: 'gpt-expert', text: 'we may' },
    { agent: 'front desk', when: 'c-expert', tools: [call('transfer_to_billing', {}, 'c-transfer')] },
    { agent: 'billing', when: 'gpt-billing', tools: [call('refund', { amount: 5 }, 'c-refund')] },
    { agent: 'billing', when: 'gpt-billing', text: 'No money today.', chunkMs: 5 },
  ],
  output: 'No money today.\n3 agent spans',
  truth: {
    agents: [{ name: 'front desk' }, { name: 'expert', parent: 'front desk' }, { name: 'billing' }],
    tools: [
      { agent: 'front desk', name: 'look_up', toolCallId: 'c-ann' },
      { agent: 'front desk', name: 'look_up', toolCallId: 'c-bob' },
      { agent: 'front desk', name: 'ask_expert', toolCallId: 'c-expert' },
      { agent: 'expert', name: 'look_up', toolCallId: 'c-cid' },
      { agent: 'billing', name: 'refund', toolCallId: 'c-refund', ok: false },
    ],
    messages: [
      { from: 'front desk', to: 'expert', act: 'delegate' },
      { from: 'expert', to: 'front desk', act: 'return' },
      { from: 'front desk', to: 'billing', act: 'transfer' },
    ],
    // The SDK puts one of its own in the place of the id of a streamed chat completion.
    unknown: api === 'chat' && how !== undefined ? ['responseId'] : [],
    absent: ['sk-proj-4Zq8', 'I want my money', 'we may', 'has an account'],
  },
  check: ({ lines }) => {
    const guardrails = lines.filter(({ event }) => event.kind === 'guardrail').map(({ event }) => event)
    const [first] = guardrails
    if (guardrails.length === 1 && first.name === 'polite' && first.triggered === false) return []
    return [`one guardrail is recorded, not ${JSON.stringify(guardrails)}`]
  },
})

const approvals = (programs, name, sessions) => ({
  name,
  programs,
  modes: { register: {}, startHive: {}, 'startHive, loaded before': { imports: ['./loaded-before.mjs'] } },
  turns: () => [
    {
      agent: 'cleaner',
      tools: [
        call('remove_file', { path: '/tmp/a' }, 'c-file'),
        call('remove_folder', { path: '/tmp/b' }, 'c-folder'),
      ],
    },
    { agent: 'cleaner', when: 'c-folder', text: 'One is removed.' },
  ],
  output: '2 asked\nOne is removed.',
  truth: {
    sessions,
    agents: [{ name: 'cleaner' }, { name: 'cleaner' }],
    tools: [{ agent: 'cleaner', name: 'remove_file', toolCallId: 'c-file' }],
    escalations: [
      { from: 'cleaner', subject: 'remove_file', approve: true },
      { from: 'cleaner', subject: 'remove_folder', approve: false },
    ],
    absent: ['/tmp/a'],
  },
})

export const scenarios = () => [
  desk('responses'),
  desk('responses', 'stream'),
  desk('chat'),
  desk('chat', 'stream'),
  {
    ...desk('responses'),
    name: 'help desk, tracing switched off',
    env: () => ({ OPENAI_AGENTS_DISABLE_TRACING: '1' }),
    // The application's own processors get what they would without hivelog.
    output: 'No money today.\n0 agent spans',
  },
  {
    ...desk('responses', 'stream'),
    name: 'help desk, tracing switched off, streamed',
    env: () => ({ OPENAI_AGENTS_DISABLE_TRACING: '1' }),
    output: 'No money today.\n0 agent spans',
  },
  approvals(['approvals.mjs both'], 'tools that a person allows', 1),
  approvals(['approvals.mjs both stream'], 'tools that a person allows, streamed', 1),
  approvals(['approvals.mjs ask', 'approvals.mjs answer'], 'allowed in another process', 2),
  {
    name: 'failures, hidden data, one name at once',
    program: 'failures.cjs',
    turns: () => [
      { agent: 'refused', when: 'refuse this', error: { status: 400, message: 'no' } },
      { agent: 'guarded', when: 'say a name', text: 'Ann' },
      { agent: 'quiet', when: 'be quiet', tools: [call('count', { to: 3 }, 'c-count')] },
      { agent: 'quiet', when: 'c-count', text: 'done' },
      ...['one', 'two', 'three'].map((which) => ({ agent: 'worker', when: `task ${which}`, delayMs: 100 })),
    ],
    output: 'refused: BadRequestError\ntripwire: OutputGuardrailTripwireTriggered\ndone',
    // The model and the id of the answer, of which a run that hides its data says nothing, the wire tells.
    truth: {
      agents: [
        { name: 'refused', status: 'error' },
        { name: 'guarded', status: 'error' },
        { name: 'quiet' },
        { name: 'worker' },
        { name: 'worker' },
        { name: 'worker' },
      ],
      tools: [{ agent: 'quiet', name: 'count', toolCallId: 'c-count' }],
    },
  },
  ...['responses', 'chat_completions'].map((api) => ({
    name: `streams that are left, ${api}`,
    program: `left.mjs ${api}`,
    turns: () =>
      ['left', 'aborted'].map((agent) => ({
        agent,
        when: `say much, ${agent}`,
        text: 'much and more and more of it',
        chunkMs: 20,
      })),
    output: 'left\naborted',
    truth: { agents: ['left', 'aborted'].map((name) => ({ name, status: 'killed' })) },
    check: ({ server }) =>
      server.calls
        .filter(({ error }) => error === undefined)
        .map(({ agent }) => `${agent} was read to its end`),
  })),
  {
    name: 'another framework within',
    program: 'nested.mjs',
    turns: () => [
      { agent: 'editor', when: 'gpt-editor', tools: [call('write_poem', { topic: 'sea' }, 'c-poem')] },
      { agent: 'poet', when: '"sea"', tools: [call('type', { text: 'waves' }, 'c-type')] },
      { agent: 'typist', when: 'waves', text: 'WAVES' },
      { agent: 'poet', when: 'c-type', text: 'a poem' },
      { agent: 'editor', when: 'c-poem', text: 'Here it is.' },
      { agent: 'poet', when: 'alone', text: 'alone' },
    ],
    output: 'Here it is.\nalone',
    truth: {
      agents: [
        { name: 'editor' },
        { name: 'poet', parent: 'editor' },
        { name: 'typist', parent: 'poet' },
        { name: 'poet' },
      ],
      tools: [
        { agent: 'editor', name: 'write_poem', toolCallId: 'c-poem' },
        { agent: 'poet', name: 'type', toolCallId: 'c-type' },
      ],
    },
  },
  {
    name: 'the example',
    program: '../../../examples/frameworks/openai-agents/main.mjs',
    env: () => ({ OPENAI_BASE_URL: undefined, OPENAI_API_KEY: undefined }),
    truth: {
      ...exampleTruth(turns),
      agents: [
        { name: 'reception' },
        { name: 'refunds' },
        { name: 'lawyer', parent: 'refunds' },
        // It goes on after the person's answer.
        { name: 'refunds' },
      ],
      tools: [
        { agent: 'reception', name: 'find_order', toolCallId: 'call_order' },
        { agent: 'refunds', name: 'ask_lawyer', toolCallId: 'call_lawyer' },
        { agent: 'refunds', name: 'refund', toolCallId: 'call_refund' },
      ],
      messages: [
        { from: 'reception', to: 'refunds', act: 'transfer' },
        { from: 'refunds', to: 'lawyer', act: 'delegate' },
        { from: 'lawyer', to: 'refunds', act: 'return' },
      ],
      escalations: [{ from: 'refunds', subject: 'refund', approve: true }],
    },
  },
]
