/** A lead and its researcher, made by the program itself around a client: what the model says, and what is true of it. */
import { ALONE, BESIDE } from './beside.mjs'

const call = (name, args, id) => ({ name, args, id })

/** @param told of each call what the spans say of it; a call that they do not tell of at all is left out */
export const ownAgents = (name, told, truth = {}) => ({
  name,
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
      usage: { input: 300, output: 20, cacheRead: 40 },
    },
    { agent: 'lead', text: 'They make honey.', usage: { input: 500, output: 40, cacheRead: 64 } },
    { text: 'hi' },
    { usage: { input: 5 } },
    { error: { status: 400, message: 'no' } },
  ],
  output: 'They make honey.\nhi\n3\n400',
  truth: ({ server, mode }) => ({
    calls: server.calls.flatMap((each) => (mode === 'processor' ? told(each) : [each])),
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
    ...truth,
  }),
})
