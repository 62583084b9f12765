/** What is said of a run in which nothing was recorded: what seems to be missing. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { shown } from '../format/options.js'

/** Packages by which a framework is known, its name, and whether it has agents. */
const PACKAGES: readonly (readonly [name: string, framework: string, hasAgents: boolean])[] = [
  ['ai', 'AI SDK', true],
  ['@openai/agents', 'OpenAI Agents', true],
  ['@langchain/langgraph', 'LangGraph', true],
  ['@langchain/core', 'LangChain', true],
  ['@mastra/core', 'Mastra', true],
  ['@anthropic-ai/claude-agent-sdk', 'Claude Agent SDK', true],
  ['openai', 'openai', false],
  ['@anthropic-ai/sdk', '@anthropic-ai/sdk', false],
  ['@google/genai', '@google/genai', false],
]

/** One line: what was found in the process, and the step that is missing. */
export function nothingSeen(file: string, script = process.argv[1]): string {
  return `hivelog: nothing was recorded in ${shown(file)}: ${missingStep(script)}`
}

function missingStep(script: string | undefined): string {
  const chosen = process.env.HIVELOG_INSTRUMENT?.trim()
  if (chosen === 'none')
    return 'HIVELOG_INSTRUMENT is none, so that no framework is; take it away, or name some'
  const folders = foldersOf(script)
  const found = PACKAGES.filter(([name]) =>
    folders.some((folder) => existsSync(join(folder, name, 'package.json'))),
  )
  const names = found.map(([, framework]) => framework).join(', ')
  if (found.length === 0) {
    return 'found no agent framework that is known; record with startHive, set AGENT_ID if the process is an agent, or make spans by the GenAI conventions'
  }
  const limited = chosen ? `; HIVELOG_INSTRUMENT is ${shown(chosen)}` : ''
  if (found.some(([, , hasAgents]) => hasAgents)) {
    return `found ${names}, and saw no run; was it loaded before hivelog/register, or in another process${limited}?`
  }
  return `found ${names}, no agent: it made no call that was seen; make one within an agent, or set AGENT_ID so that the process is one${limited}`
}

/** Where packages are looked for from the application. */
function foldersOf(script: string | undefined): string[] {
  try {
    const require = createRequire(script ?? join(process.cwd(), 'main.js'))
    // It is the same for all of them.
    return require.resolve.paths('ai') ?? []
  } catch {
    return []
  }
}
