import { suite } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })
/** Mastra does not tell a call's id, and ends a call's span only after the tools that the model asked for. */
const unknown = ['responseId']

const approvals = (answer) => ({
  name: answer ? 'a tool that a person allows' : 'a tool that a person forbids',
  programs: ['approvals.mjs ask', `approvals.mjs answer ${answer ? 'yes' : 'no'}`],
  turns: () => [
    { agent: 'lead', when: 'Clean up', tools: [call('remove', { what: '/tmp/a' }, 'c-remove')] },
    { agent: 'lead', when: 'c-remove', text: 'Done.' },
  ],
  output: 'asked\nDone.',
  truth: {
    unknown,
    sessions: 2,
    agents: [{ name: 'lead' }, { name: 'lead' }],
    tools: answer ? [{ agent: 'lead', name: 'remove', toolCallId: 'c-remove' }] : [],
    escalations: [{ from: 'lead', subject: 'remove', approve: answer }],
    absent: ['/tmp/a'],
  },
})

await suite(import.meta.url, {
  framework: 'Mastra',
  package: '@mastra/core',
  scenarios: [
    {
      name: 'agents in agents',
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
      truth: {
        unknown,
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
      },
    },
    approvals(true),
    approvals(false),
  ],
})
