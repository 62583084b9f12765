/** What the fake model says, call by call. */
const isCounter = ({ system }) => JSON.stringify(system ?? '').includes('You count files')
const isLead = (body) => !isCounter(body)

export const turns = [
  {
    agent: 'claude',
    when: isLead,
    tools: [
      {
        name: 'Task',
        id: 'toolu_task',
        args: {
          subagent_type: 'counter',
          description: 'count files',
          prompt: 'How many text files are here?',
          run_in_background: false,
        },
      },
    ],
    usage: { input: 900, output: 60, cacheRead: 600 },
  },
  {
    agent: 'counter',
    when: isCounter,
    tools: [
      {
        name: 'Bash',
        id: 'toolu_count',
        args: { command: 'touch .counted && ls *.txt | wc -l', description: 'counts' },
      },
    ],
    usage: { input: 300, output: 25 },
  },
  { agent: 'counter', when: isCounter, text: 'There are three.', usage: { input: 340, output: 6 } },
  { agent: 'claude', when: isLead, text: 'There are three text files.', usage: { input: 980, output: 9 } },
]
