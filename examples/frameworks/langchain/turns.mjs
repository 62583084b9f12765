/** What the fake model says, call by call. */
const call = (name, args, id) => ({ name, args, id })
const usage = (input, output, cacheRead) => ({ input, output, ...(cacheRead !== undefined && { cacheRead }) })

export const turns = [
  {
    agent: 'planner',
    when: 'Our hive is too warm',
    tools: [call('transfer_to_keeper', {}, 'call_over')],
    usage: usage(140, 12),
  },
  {
    agent: 'keeper',
    when: 'call_over',
    tools: [call('measure', { where: 'brood nest' }, 'call_measure')],
    usage: usage(190, 18),
  },
  {
    agent: 'keeper',
    when: 'call_measure',
    tools: [call('openVent', { degrees: 30 }, 'call_vent')],
    usage: usage(230, 16, 128),
  },
  {
    agent: 'keeper',
    when: 'call_vent',
    text: 'The vent is open; it cools down.',
    usage: usage(260, 11, 192),
  },
]
