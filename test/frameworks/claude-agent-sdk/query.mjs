/** A run with a tool that is not allowed, one that is, and a sub-agent with a tool of its own. */
import { query } from '@anthropic-ai/claude-agent-sdk'

async function* prompt() {
  yield {
    type: 'user',
    message: {
      role: 'user',
      content: 'Look for honey. The key is sk-ant-api03-4Zq8fake4Zq8fake4Zq8fake4Zq8fakeAA',
    },
    parent_tool_use_id: null,
    session_id: '',
  }
  await done
}
let end
const done = new Promise((resolve) => {
  end = resolve
})

const run = query({
  prompt: prompt(),
  options: {
    settingSources: [],
    agents: {
      researcher: { description: 'looks things up', prompt: 'You are the researcher.', tools: ['Bash'] },
    },
    canUseTool: async (_name, input) =>
      input.command.includes('forbidden')
        ? { behavior: 'deny', message: 'this is forbidden' }
        : { behavior: 'allow', updatedInput: input },
  },
})
const results = []
for await (const message of run) {
  if (message.type !== 'result') continue
  results.push(message.result)
  if (message.result === 'All is done.') end()
}
console.log(results.at(-1))
