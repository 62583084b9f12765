/** What the fake model says, call by call. */
const call = (name, args, id) => ({ name, args, id })
const usage = (input, output, cacheRead) => ({ input, output, ...(cacheRead !== undefined && { cacheRead }) })

export const turns = [
  {
    agent: 'reception',
    when: 'You greet',
    tools: [call('find_order', { number: 17 }, 'call_order')],
    usage: usage(180, 15),
  },
  {
    agent: 'reception',
    when: 'You greet',
    tools: [call('transfer_to_refunds', {}, 'call_transfer')],
    usage: usage(214, 12, 128),
  },
  {
    agent: 'refunds',
    when: 'You give money back',
    tools: [call('ask_lawyer', { input: 'Is a broken kettle to be refunded?' }, 'call_lawyer')],
    usage: usage(240, 22),
  },
  { agent: 'lawyer', when: 'You know the law', text: 'Yes, for two years.', usage: usage(85, 8) },
  {
    agent: 'refunds',
    when: 'You give money back',
    tools: [call('refund', { order: 17, amount: 39 }, 'call_refund')],
    usage: usage(275, 18, 192),
  },
  {
    agent: 'refunds',
    when: 'You give money back',
    text: '39 are on their way to you.',
    usage: usage(300, 11, 256),
  },
]
