import { suite } from '../kit/suite.mjs'

const call = (name, args, id) => ({ name, args, id })

await suite(import.meta.url, {
  framework: 'AI SDK',
  package: 'ai',
  scenarios: [
    {
      name: 'agents in tools, at once',
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
        {
          agent: 'researcher',
          when: '"honey"',
          delayMs: 50,
          tools: [call('search', { q: 'honey' }, 'c-honey')],
        },
        { agent: 'writer', when: '"wax"', chunkMs: 20, tools: [call('search', { q: 'broken' }, 'c-wax')] },
        { agent: 'researcher', when: 'c-honey', text: 'honey is made' },
        { agent: 'writer', when: 'c-wax', text: 'wax is what they build with', chunkMs: 20 },
        { agent: 'lead', when: 'c-sum', text: 'They make honey and wax.' },
        { when: 'hello', text: 'hi' },
      ],
      output: 'They make honey and wax.\nhi',
      truth: {
        agents: [
          { name: 'lead' },
          { name: 'researcher', parent: 'lead' },
          { name: 'writer', parent: 'lead' },
        ],
        tools: [
          { agent: 'lead', name: 'research', toolCallId: 'c-research' },
          { agent: 'lead', name: 'summarise', toolCallId: 'c-sum' },
          { agent: 'researcher', name: 'search', toolCallId: 'c-honey' },
          { agent: 'writer', name: 'search', toolCallId: 'c-wax', ok: false },
        ],
        absent: ['sk-proj-4Zq8', 'What do bees do', 'honey is made', 'found honey'],
      },
    },
  ],
})
