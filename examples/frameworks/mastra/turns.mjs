/** What the fake model says, call by call. */
const call = (name, args, id) => ({ name, args, id })
const usage = (input, output, cacheRead) => ({ input, output, ...(cacheRead !== undefined && { cacheRead }) })

export const turns = [
  {
    agent: 'baker',
    when: 'Bake for the feast',
    tools: [call('agent-buyer', { prompt: 'How much flour is there?' }, 'call_buyer')],
    usage: usage(180, 20),
  },
  {
    agent: 'buyer',
    when: 'how much is in the store',
    tools: [call('lookInStore', { what: 'flour' }, 'call_store')],
    usage: usage(95, 14),
  },
  { agent: 'buyer', when: 'call_store', text: 'There are two sacks.', usage: usage(130, 9) },
  {
    agent: 'baker',
    when: 'call_buyer',
    tools: [call('lightOven', { degrees: 240 }, 'call_oven')],
    usage: usage(260, 17, 128),
  },
  { agent: 'baker', when: 'call_oven', text: 'The bread is in the oven.', usage: usage(300, 10, 192) },
]
