/**
 * Hooks of the application's that take their time: one forbids a tool, one allows another before `canUseTool` has
 * answered. And a sub-agent that has a sub-agent of its own, with a tool.
 */
import { query } from '@anthropic-ai/claude-agent-sdk'

const SLOW_MS = 400
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const isAbout = (input, word) => JSON.stringify(input).includes(word)

async function* prompt() {
  yield {
    type: 'user',
    message: { role: 'user', content: 'Look for honey.' },
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
    ...(process.env.PARTIAL_MESSAGES && { includePartialMessages: true }),
    ...(process.env.NO_TRANSCRIPT && { persistSession: false }),
    agents: {
      researcher: {
        description: 'looks things up',
        prompt: 'You are the researcher.',
        tools: ['Bash', 'Task', 'Agent'],
      },
      digger: { description: 'digs', prompt: 'You are the digger.', tools: ['Bash'] },
    },
    ...(!process.env.NO_HOOKS && {
      hooks: {
        PreToolUse: [
          {
            hooks: [
              async ({ hook_event_name, tool_input }) => {
                if (!isAbout(tool_input, 'forbidden')) return {}
                await pause(SLOW_MS)
                return { hookSpecificOutput: { hookEventName: hook_event_name, permissionDecision: 'deny' } }
              },
            ],
          },
        ],
        PermissionRequest: [
          {
            hooks: [
              async ({ hook_event_name, tool_input }) => {
                if (!isAbout(tool_input, 'allowed')) return {}
                await pause(SLOW_MS)
                return {
                  hookSpecificOutput: { hookEventName: hook_event_name, decision: { behavior: 'allow' } },
                }
              },
            ],
          },
        ],
        PostToolUse: [{ hooks: [async () => ({})] }],
      },
    }),
    canUseTool: async (_name, input, { signal }) => {
      if (isAbout(input, 'forbidden')) return { behavior: 'deny', message: 'this is forbidden' }
      if (!process.env.NO_HOOKS && isAbout(input, 'allowed')) {
        // The hook is quicker, and then this is not waited for.
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      }
      return { behavior: 'allow', updatedInput: input }
    },
  },
})
for await (const message of run) {
  if (message.type !== 'result') continue
  console.log(message.result)
  end()
}
