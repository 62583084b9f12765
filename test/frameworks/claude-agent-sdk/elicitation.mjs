/**
 * An MCP server asks people during its tool's calls: a hook blocks the first, the callback answers the others (for one of
 * them although a hook has: Claude Code does not heed what it says), and a hook that hears all answers blocks one.
 */
import { join } from 'node:path'
import { query } from '@anthropic-ai/claude-agent-sdk'

const deploy = 'mcp__release__deploy'
const NOT_HEEDED = { hookSpecificOutput: { hookEventName: 'Elicitation', action: 'decline' } }
const BLOCK = { decision: 'block', reason: 'not this' }

const run = query({
  prompt: 'Deploy it.',
  options: {
    settingSources: [],
    allowedTools: [deploy],
    mcpServers: {
      release: {
        type: 'stdio',
        command: process.execPath,
        args: [join(import.meta.dirname, 'asking-server.mjs')],
      },
    },
    hooks: {
      Elicitation: [
        {
          hooks: [
            async ({ message }) =>
              message.includes('test') ? BLOCK : message.includes('production') ? NOT_HEEDED : {},
          ],
        },
      ],
      ...(process.env.REVIEW && {
        ElicitationResult: [
          {
            hooks: [
              async ({ action, content }) => (action === 'accept' && content.code === 'blue' ? BLOCK : {}),
            ],
          },
        ],
      }),
    },
    onElicitation: async ({ message }) =>
      message.includes('nowhere')
        ? { action: 'cancel' }
        : { action: 'accept', content: { code: message.includes('stage') ? 'blue' : 'green-4711' } },
  },
})
const told = []
for await (const message of run) {
  if (message.type === 'user') {
    for (const { type, content } of message.message.content) {
      if (type === 'tool_result') told.push(typeof content === 'string' ? content : content[0].text)
    }
  }
  if (message.type === 'result') console.log(told.join(', '), message.result)
}
