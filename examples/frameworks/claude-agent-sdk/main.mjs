/**
 * A lead and a sub-agent with the Claude Agent SDK: the sub-agent counts files with a command that a person has to
 * allow. There is nothing of hivelog in it: `npm start` imports `hivelog/register` before it, and the file hive.jsonl
 * has both agents, what was asked of you and your answer, each tool, and each model call with its tokens and cost.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { query } from '@anthropic-ai/claude-agent-sdk'
import { ModelServer } from '../../../test/frameworks/kit/model-server.mjs'
import { askPerson } from '../person.mjs'
import { turns } from './turns.mjs'

const folder = mkdtempSync(join(tmpdir(), 'hivelog-example-'))
for (const name of ['one', 'two', 'three']) writeFileSync(join(folder, `${name}.txt`), name)

let server
if (!process.env.ANTHROPIC_API_KEY || process.env.ANTHROPIC_BASE_URL?.startsWith('http://127.0.0.1')) {
  server = await ModelServer.start(turns)
  Object.assign(process.env, server.env, { CLAUDE_CONFIG_DIR: join(folder, '.claude') })
  console.log('No ANTHROPIC_API_KEY is set: a fake model answers.\n')
}

const run = query({
  prompt: 'Ask the counter how many text files there are here, and tell me the number.',
  options: {
    cwd: folder,
    settingSources: [],
    agents: {
      counter: { description: 'counts files', prompt: 'You count files with Bash.', tools: ['Bash'] },
    },
    canUseTool: async (name, input) => {
      const isAllowed = await askPerson(`May ${name} run ${JSON.stringify(input.command ?? input)}?`)
      return isAllowed
        ? { behavior: 'allow', updatedInput: input }
        : { behavior: 'deny', message: 'A person said no.' }
    },
  },
})
for await (const message of run) if (message.type === 'result') console.log(message.result)

await server?.close()
rmSync(folder, { recursive: true, force: true })
