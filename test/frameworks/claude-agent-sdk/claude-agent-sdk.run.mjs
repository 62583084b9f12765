import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { turns as exampleTurns } from '../../../examples/frameworks/claude-agent-sdk/turns.mjs'
import { exampleTruth, suite } from '../kit/suite.mjs'

const isResearcher = (body) => JSON.stringify(body.system ?? '').includes('You are the researcher.')
const isLead = (body) => !isResearcher(body)
const bash = (command, id) => ({ name: 'Bash', args: { command, description: 'what it does' }, id })

/** Claude Code keeps its files there. */
const homes = mkdtempSync(join(tmpdir(), 'hivelog-claude-'))
const env = (server) => {
  const home = join(homes, new URL(server.url).port)
  return {
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, 'config'),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  }
}

const turns = () => [
  { agent: 'claude', when: isLead, tools: [bash('touch /tmp/forbidden', 'toolu_no')] },
  { agent: 'claude', when: isLead, tools: [bash('touch /tmp/hivelog-allowed && sleep 0.3', 'toolu_yes')] },
  {
    agent: 'claude',
    when: isLead,
    tools: [
      {
        name: 'Task',
        args: { subagent_type: 'researcher', description: 'look', prompt: 'find the honey' },
        id: 'toolu_task',
      },
    ],
    usage: { input: 500, output: 40, cacheRead: 300, cacheWrite: 100 },
  },
  { agent: 'researcher', when: isResearcher, tools: [bash('echo found; sleep 0.3', 'toolu_echo')] },
  { agent: 'researcher', when: isResearcher, text: 'found the honey' },
  { agent: 'claude', when: isLead, text: 'The researcher looks.' },
  { agent: 'claude', when: isLead, text: 'All is done.' },
]

const truth = {
  agents: [{ name: 'claude' }, { name: 'researcher', parent: 'claude' }],
  tools: [
    { agent: 'claude', name: 'Bash', toolCallId: 'toolu_yes' },
    { agent: 'claude', name: 'Task', toolCallId: 'toolu_task' },
    { agent: 'researcher', name: 'Bash', toolCallId: 'toolu_echo' },
  ],
  messages: [
    { from: 'claude', to: 'researcher', act: 'delegate' },
    { from: 'researcher', to: 'claude', act: 'return' },
  ],
  escalations: [
    { from: 'claude', subject: 'Bash', approve: false },
    { from: 'claude', subject: 'Bash', approve: true },
  ],
  absent: [
    'sk-ant-api03',
    'Look for honey',
    'find the honey',
    'found the honey',
    'hivelog-allowed',
    'All is done',
  ],
}

/** The one that Claude Code asks for unless it is told another. */
const modelOf = (lines) =>
  lines.find(({ event }) => event.kind === 'spawn' && event.name === 'claude')?.event.model

await suite(import.meta.url, {
  framework: 'Claude Agent SDK',
  package: '@anthropic-ai/claude-agent-sdk',
  scenarios: [
    {
      name: 'tools, permissions, a sub-agent',
      program: 'query.mjs',
      turns,
      env,
      output: 'All is done.',
      truth,
      // Claude Code, a process of its own, logs a call some time after the answer's end.
      liveMs: 600,
    },
    {
      name: 'the example',
      program: '../../../examples/frameworks/claude-agent-sdk/main.mjs',
      turns: () => [],
      env: (server) => ({ ...env(server), ANTHROPIC_API_KEY: '' }),
      truth: ({ lines }) => ({
        ...exampleTruth(exampleTurns, modelOf(lines)),
        agents: [{ name: 'claude' }, { name: 'counter', parent: 'claude' }],
        tools: [
          { agent: 'claude', name: 'Task', toolCallId: 'toolu_task' },
          { agent: 'counter', name: 'Bash', toolCallId: 'toolu_count' },
        ],
        messages: [
          { from: 'claude', to: 'counter', act: 'delegate' },
          { from: 'counter', to: 'claude', act: 'return' },
        ],
        escalations: [{ from: 'counter', subject: 'Bash', approve: true }],
      }),
      liveMs: 600,
    },
  ],
})
rmSync(homes, { recursive: true, force: true })
