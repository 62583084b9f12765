/** What the fake model says, call by call. */
const call = (name, args, id) => ({ name, args, id })
const usage = (input, output, cacheRead) => ({ input, output, ...(cacheRead !== undefined && { cacheRead }) })

export const turns = [
  {
    agent: 'editor',
    when: 'Write about',
    tools: [
      call('askReporter', { question: 'how the harbour works' }, 'call_harbour'),
      call('askReporter', { question: 'what the fish cost' }, 'call_fish'),
    ],
    usage: usage(212, 48),
  },
  {
    agent: 'reporter',
    when: 'how the harbour works',
    tools: [call('readArchive', { about: 'harbour' }, 'call_archive_harbour')],
    usage: usage(90, 17),
  },
  {
    agent: 'reporter',
    when: 'what the fish cost',
    tools: [call('readArchive', { about: 'fish' }, 'call_archive_fish')],
    usage: usage(91, 16),
  },
  {
    agent: 'reporter',
    when: 'call_archive_harbour',
    text: 'The crane was built in 1911.',
    usage: usage(140, 12),
  },
  { agent: 'reporter', when: 'call_archive_fish', text: 'Herring is two crowns.', usage: usage(138, 11) },
  {
    agent: 'editor',
    when: 'call_fish',
    tools: [call('publish', { headline: 'Old crane, cheap herring' }, 'call_publish')],
    usage: usage(330, 25, 192),
  },
  { agent: 'editor', when: 'call_publish', text: 'It is in the paper.', usage: usage(370, 9, 320) },
]
