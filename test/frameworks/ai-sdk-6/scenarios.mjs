/** What the AI SDK's majors with telemetry of their own are tried with. */
import { ALONE, BESIDE } from '../kit/beside.mjs'

const call = (name, args, id) => ({ name, args, id })

/** @param tellsCached whether its spans tell of tokens from the cache */
export const scenarios = ({ tellsCached = true } = {}) => [
  {
    name: 'agents in tools, at once, with telemetry',
    program: 'agents.mjs',
    alone: ALONE,
    modes: BESIDE,
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
      {
        agent: 'researcher',
        when: '"honey"',
        delayMs: 50,
        tools: [call('search', { q: 'honey' }, 'c-honey')],
      },
      { agent: 'writer', when: '"wax"', delayMs: 150, tools: [call('search', { q: 'broken' }, 'c-wax')] },
      { agent: 'researcher', when: 'c-honey', text: 'honey is made' },
      { agent: 'writer', when: 'c-wax', delayMs: 150, text: 'wax is what they build with', chunkMs: 20 },
      { agent: 'lead', when: 'c-sum', text: 'They make honey and wax.' },
      { when: 'hello', text: 'hi' },
      { usage: { input: 5 } },
      { agent: 'refused', error: { status: 400, message: 'no' } },
    ],
    output: 'They make honey and wax.\nhi\n3\nAI_APICallError',
    truth: ({ server, mode }) => ({
      calls: server.calls.map((each) =>
        mode === 'processor' && !tellsCached ? { ...each, cacheReadTokens: undefined } : each,
      ),
      agents: [
        { name: 'lead' },
        { name: 'researcher', parent: 'lead' },
        { name: 'writer', parent: 'lead' },
        { name: 'refused', status: 'error' },
      ],
      tools: [
        { agent: 'lead', name: 'research', toolCallId: 'c-research' },
        { agent: 'lead', name: 'summarise', toolCallId: 'c-sum' },
        { agent: 'researcher', name: 'search', toolCallId: 'c-honey' },
        { agent: 'writer', name: 'search', toolCallId: 'c-wax', ok: false },
      ],
      messages: [
        { from: 'lead', to: 'researcher', act: 'delegate' },
        { from: 'researcher', to: 'lead', act: 'return' },
        { from: 'lead', to: 'writer', act: 'delegate' },
        { from: 'writer', to: 'lead', act: 'return' },
      ],
      absent: ['sk-proj-4Zq8', 'What do bees do', 'honey is made', 'found honey'],
    }),
  },
]
