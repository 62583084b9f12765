import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { turns as exampleTurns } from '../../../examples/frameworks/claude-agent-sdk/turns.mjs'
import { exampleTruth, suite } from '../kit/suite.mjs'
import { LogsBackend } from './logs-backend.mjs'

const isAgent = (name) => (body) => JSON.stringify(body.system ?? '').includes(`You are the ${name}.`)
const isResearcher = isAgent('researcher')
const isDigger = isAgent('digger')
const isLead = (body) => !isResearcher(body) && !isDigger(body)
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

const task = (kind, id) => ({
  name: 'Task',
  args: { subagent_type: kind, description: 'look', prompt: `ask the ${kind}`, run_in_background: false },
  id,
})

const nestedTurns = () => [
  { agent: 'claude', when: isLead, tools: [bash('touch /tmp/forbidden', 'toolu_no')] },
  { agent: 'claude', when: isLead, tools: [bash('touch /tmp/hivelog-allowed', 'toolu_yes')] },
  { agent: 'claude', when: isLead, tools: [task('researcher', 'toolu_r')] },
  { agent: 'researcher', when: isResearcher, tools: [task('digger', 'toolu_d')] },
  { agent: 'digger', when: isDigger, tools: [bash('echo dug; sleep 0.4', 'toolu_dug')] },
  { agent: 'digger', when: isDigger, text: 'dug some' },
  { agent: 'researcher', when: isResearcher, text: 'honey' },
  { agent: 'claude', when: isLead, text: 'All is done.' },
]

const nestedTruth = {
  agents: [
    { name: 'claude' },
    { name: 'researcher', parent: 'claude' },
    { name: 'digger', parent: 'researcher' },
  ],
  tools: [
    { agent: 'claude', name: 'Bash', toolCallId: 'toolu_yes' },
    { agent: 'claude', name: 'Task', toolCallId: 'toolu_r' },
    { agent: 'researcher', name: 'Task', toolCallId: 'toolu_d' },
    { agent: 'digger', name: 'Bash', toolCallId: 'toolu_dug' },
  ],
  messages: [
    { from: 'claude', to: 'researcher', act: 'delegate' },
    { from: 'researcher', to: 'digger', act: 'delegate' },
    { from: 'digger', to: 'researcher', act: 'return' },
    { from: 'researcher', to: 'claude', act: 'return' },
  ],
  absent: ['Look for honey', 'ask the digger', 'dug some', 'All is done', 'hivelog-allowed'],
}
/** A hook has decided of the first without anybody being asked, and of the second while `canUseTool` was. */
const byHooks = { ...nestedTruth, escalations: [{ from: 'claude', subject: 'Bash', approve: true }] }
const byCode = {
  ...nestedTruth,
  escalations: [
    { from: 'claude', subject: 'Bash', approve: false },
    { from: 'claude', subject: 'Bash', approve: true },
  ],
}

const deploys = (place) => ({ name: 'mcp__release__deploy', args: { place }, id: `toolu_${place}` })
const elicitingTurns = () => [
  ...['test', 'nowhere', 'stage', 'production'].map((place) => ({
    agent: 'claude',
    tools: [deploys(place)],
  })),
  { agent: 'claude', text: 'All is done.' },
]
/** @param stage whether what is asked for the stage is accepted */
const elicited = (stage) => ({
  agents: [{ name: 'claude' }],
  tools: elicitingTurns()
    .flatMap(({ tools = [] }) => tools)
    .map(({ name, id }) => ({ agent: 'claude', name, toolCallId: id })),
  escalations: [
    ['test', false],
    ['nowhere', false],
    ['stage', stage],
    ['production', true],
  ].map(([place, approve]) => ({ from: 'claude', subject: `release asks: Deploy to ${place}?`, approve })),
  absent: ['green-4711', 'All is done', 'Deploy it'],
})

const viaOf = (wanted) => (run) => {
  const found = run.lines.filter(({ event }) => event.kind === 'approval').map(({ event }) => event.via)
  return found.join() === wanted ? [] : [`approvals came by ${found.join()}, not ${wanted}`]
}

const backend = await LogsBackend.start()
/** The application's own telemetry of Claude Code, which goes to its own backend. */
const theirTelemetry = (server) => ({
  ...env(server),
  CLAUDE_CODE_ENABLE_TELEMETRY: '1',
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_EXPORTER_OTLP_ENDPOINT: backend.urlFor(server),
  OTEL_LOGS_EXPORT_INTERVAL: '50',
})
const aloneLogs = await backend.logsAlone({
  program: 'hooks.mjs',
  turns: nestedTurns(),
  env: theirTelemetry,
  cwd: import.meta.dirname,
})

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
      name: 'hooks, a sub-agent of a sub-agent',
      program: 'hooks.mjs',
      turns: nestedTurns,
      env,
      output: 'All is done.',
      // Of whom there is no message, Claude Code's logs do not say which answer it was.
      truth: { ...byHooks, unknown: ['responseId'] },
      check: viaOf('hook'),
      liveMs: 600,
    },
    {
      name: 'an MCP server asks people',
      program: 'elicitation.mjs',
      turns: elicitingTurns,
      env,
      output: 'test: decline, nowhere: cancel, stage: accept, production: accept All is done.',
      truth: elicited(true),
      check: viaOf('hook,code,code,code'),
      liveMs: 600,
    },
    {
      name: 'an MCP server asks people, a hook reviews',
      program: 'elicitation.mjs',
      turns: elicitingTurns,
      env: (server) => ({ ...env(server), REVIEW: '1' }),
      output: 'test: decline, nowhere: cancel, stage: decline, production: accept All is done.',
      truth: elicited(false),
      check: viaOf('hook,code,hook,code'),
      liveMs: 600,
    },
    {
      name: 'beside its telemetry',
      program: 'hooks.mjs',
      turns: nestedTurns,
      env: theirTelemetry,
      output: 'All is done.',
      truth: byHooks,
      check: (run) => [...viaOf('hook')(run), ...backend.differs(run.server, aloneLogs)],
      liveMs: 900,
    },
    {
      name: 'beside its telemetry, no hooks',
      program: 'hooks.mjs',
      turns: nestedTurns,
      env: (server) => ({ ...theirTelemetry(server), NO_HOOKS: '1' }),
      output: 'All is done.',
      truth: byCode,
      check: viaOf('code,code'),
      liveMs: 900,
    },
    {
      name: 'OpenTelemetry of the application',
      program: 'query.mjs',
      turns,
      env: (server) => ({ ...env(server), OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }),
      output: 'All is done.',
      truth,
      liveMs: 900,
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
await backend.close()
rmSync(homes, { recursive: true, force: true })
