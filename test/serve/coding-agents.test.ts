/**
 * Coding agents: what the log says is what they sent. Claude Code's bodies were recorded of its own command line
 * (2.1.332) against a model server that answered what stands in `CALLS`; those of Codex and Gemini are made from the
 * names in their sources.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { costReport, replay } from '../../src/analyse.js'
import { verifyLog } from '../../src/read.js'
import { eventsOf } from '../kit/hive-support.js'
import { linesOf, logOf, logsRequest, recorded, send, tempServer } from '../kit/serve-support.js'

const SESSION = 'd6ac59dc-d232-414b-9192-bd9da51336f6'
const HELPER = 'a07ea29d2143a9e09'
/** As the model server counted: who asked, input with what came from and went to the cache, output. */
const CALLS = [
  { agent: 'claude', input: 900, output: 31, read: 200, written: 100 },
  { agent: 'claude', input: 114, output: 16, read: 0, written: 0 },
  { agent: 'claude', input: 500, output: 40, read: 300, written: 100 },
  { agent: HELPER, input: 128, output: 22, read: 0, written: 0 },
  { agent: 'claude', input: 135, output: 25, read: 0, written: 0 },
  { agent: HELPER, input: 142, output: 28, read: 0, written: 0 },
  { agent: HELPER, input: 149, output: 31, read: 0, written: 0 },
  { agent: 'claude', input: 156, output: 34, read: 0, written: 0 },
]
/** What Claude Code itself said at its end: `total_cost_usd`. */
const COST = 0.011736
/** Tools that ran. `toolu_no` was not allowed. */
const RUNS = ['toolu_echo', 'toolu_fail', 'toolu_task', 'toolu_yes']

const bodies = (name: string): string[] => readFileSync(recorded(name), 'utf8').trim().split('\n')
const LOGS = bodies('claude-code-2.1.332.logs.jsonl')
const TRACES = bodies('claude-code-2.1.332.traces.jsonl')
const HOOKS = bodies('claude-code-2.1.332.hooks.jsonl')

type Server = Awaited<ReturnType<typeof tempServer>>

async function sendAll(server: Server, path: string, all: readonly string[]): Promise<void> {
  for (const body of all) {
    const answer = await send(server, path, body)
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.json(), {})
  }
}

const usagesOf = (server: Server): unknown[] =>
  linesOf(server, SESSION)
    .filter(({ kind }) => kind === 'usage')
    .map((line) => ({
      agent: line.agentId,
      input: line.inputTokens,
      output: line.outputTokens,
      read: line.cacheReadTokens,
      written: line.cacheWriteTokens,
    }))

function sorted<T>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
}

const toolsOf = (server: Server): unknown[] =>
  linesOf(server, SESSION)
    .filter(({ kind }) => kind === 'tool')
    .map(({ toolCallId }) => toolCallId)
    .sort()

test('Claude Code by its log events alone: agents, calls, tools, tokens, cost', async (t) => {
  const server = await tempServer(t)
  await sendAll(server, '/v1/logs', LOGS)
  assert.deepEqual(sorted(usagesOf(server)), sorted(CALLS))
  assert.deepEqual(toolsOf(server), RUNS)
  const report = await costReport(logOf(server, SESSION), { by: 'agent' })
  assert.equal(Number(report.total.costUsd.toFixed(6)), COST)
  assert.equal(
    report.total.inputTokens,
    CALLS.reduce((sum, { input }) => sum + input, 0),
  )
  const lines = linesOf(server, SESSION)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'spawn').map(({ agentId, parent }) => [agentId, parent]),
    [
      ['claude', undefined],
      [HELPER, 'claude'],
    ],
  )
  const failed = lines.find(({ toolCallId }) => toolCallId === 'toolu_fail')
  assert.deepEqual([failed?.ok, failed?.agentId, failed?.name], [false, HELPER, 'Bash'])
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'exit').map(({ agentId }) => agentId),
    [HELPER],
  )
  // Hooks decided: no person where the log events were sent.
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'escalate' || kind === 'approval'),
    [],
  )
  assert.equal((await verifyLog(logOf(server, SESSION))).ok, true)
})

test('Claude Code by hooks, log events and spans at once: each thing is written once', async (t) => {
  for (const order of ['logs first', 'spans first']) {
    const server = await tempServer(t)
    for (const body of HOOKS) await send(server, '/v1/hooks/claude-code?wait=0', body)
    const [first, last] = LOGS as [string, string]
    if (order === 'logs first') await sendAll(server, '/v1/logs', [first])
    await sendAll(server, '/v1/traces', TRACES)
    await sendAll(server, '/v1/logs', [first, last])
    const counted = sorted(usagesOf(server))
    assert.deepEqual(counted, sorted(CALLS), order)
    assert.deepEqual(toolsOf(server), RUNS, order)
    const state = await replay(logOf(server, SESSION))
    assert.deepEqual(
      state.agents.map(({ agentId, name, parent }) => [agentId, name, parent]).sort(),
      [
        [HELPER, 'researcher', 'claude'],
        ['claude', 'claude', undefined],
      ].sort(),
    )
    const lines = linesOf(server, SESSION)
    assert.deepEqual(
      lines.filter(({ kind }) => kind === 'message').map(({ from, to, act }) => [from, to, act]),
      [
        ['claude', HELPER, 'delegate'],
        [HELPER, 'claude', 'return'],
      ],
    )
    // The two that ran after a question were allowed by somebody; the third never ran, and nobody said why.
    assert.deepEqual(
      lines.filter(({ kind }) => kind === 'approval').map(({ id, approve, by }) => [id, approve, by]),
      [
        ['toolu_yes', true, undefined],
        ['toolu_fail', true, undefined],
      ],
    )
    assert.deepEqual(
      state.pending.map(({ id }) => id),
      ['toolu_no'],
    )
    if (order === 'logs first') {
      const report = await costReport(logOf(server, SESSION), { by: 'agent' })
      assert.equal(Number(report.total.costUsd.toFixed(6)), COST, 'what logs say of the cost is kept')
    }
  }
})

test('spans of Claude Code alone: a tool that was not allowed did not run', async (t) => {
  const server = await tempServer(t)
  await sendAll(server, '/v1/traces', TRACES)
  assert.deepEqual(sorted(usagesOf(server)), sorted(CALLS))
  assert.deepEqual(toolsOf(server), RUNS)
})

test('no word of people, models and tools is in the log, but for the question that a person is asked', async (t) => {
  const server = await tempServer(t)
  for (const body of HOOKS) await send(server, '/v1/hooks/claude-code?wait=0', body)
  await sendAll(server, '/v1/logs', LOGS)
  const text = readFileSync(logOf(server, SESSION), 'utf8')
  for (const said of ['Look for honey', 'find the honey', 'found the honey', 'All is done', 'echo found'])
    assert.ok(!text.includes(said), said)
  assert.ok(text.includes('Bash: touch /tmp/allowed-x'))
})

test('what comes again is known, also by a server that started again', async (t) => {
  const server = await tempServer(t)
  await sendAll(server, '/v1/logs', LOGS)
  const before = linesOf(server, SESSION).length
  await sendAll(server, '/v1/logs', LOGS)
  assert.equal(linesOf(server, SESSION).length, before)
  await server.close()
  const again = await tempServer(t, server.store)
  await sendAll(again, '/v1/logs', LOGS)
  await sendAll(again, '/v1/traces', TRACES)
  assert.equal(linesOf(again, SESSION).length, before)
})

const CODEX = {
  'conversation.id': '019a-codex',
  'app.version': '0.136.0',
  'user.email': 'ana@example.com',
  'terminal.type': 'xterm',
  model: 'gpt-5-codex',
  slug: 'gpt-5-codex',
}

test('Codex CLI: conversation, tokens, decisions, tools', async (t) => {
  const server = await tempServer(t)
  const event = (name: string, ts: number, attributes: Record<string, unknown>) => ({
    // The event's own name is the place in the source, as Rust's instrumentation has it.
    name: 'event otel/src/events/session_telemetry.rs:737',
    ts: 1_800_000_000_000 + ts,
    attributes: { ...CODEX, 'event.name': name, ...attributes },
  })
  const completed = {
    'event.kind': 'response.completed',
    input_token_count: '2048',
    output_token_count: '77',
    cached_token_count: 1024,
    reasoning_token_count: 40,
    tool_token_count: '2125',
  }
  const records = [
    event('codex.conversation_starts', 1, { provider_name: 'openai', approval_policy: 'on-request' }),
    event('codex.user_prompt', 2, { prompt_length: '21', prompt: '[REDACTED]' }),
    event('codex.api_request', 3, { duration_ms: '350', 'http.response.status_code': 200, attempt: 0 }),
    event('codex.sse_event', 4, { 'event.kind': 'response.output_item.done', duration_ms: '2' }),
    event('codex.sse_event', 5, { 'event.kind': 'response.completed', duration_ms: '1' }),
    event('codex.sse_event', 6, completed),
    event('codex.tool_decision', 7, {
      tool_name: 'shell',
      call_id: 'call_1',
      decision: 'approvedforsession',
      source: 'user',
    }),
    event('codex.tool_result', 8, {
      tool_name: 'shell',
      call_id: 'call_1',
      arguments: '{"command":"rm -rf secret-folder"}',
      duration_ms: '120',
      success: 'true',
      output: 'gone',
    }),
    event('codex.tool_decision', 9, {
      tool_name: 'apply_patch',
      call_id: 'call_2',
      decision: 'denied',
      source: 'User',
    }),
    event('codex.tool_decision', 10, {
      tool_name: 'shell',
      call_id: 'call_3',
      decision: 'approved',
      source: 'config',
    }),
    event('codex.api_request', 11, {
      duration_ms: '9',
      'http.response.status_code': 429,
      'error.message': 'rate limit',
      attempt: 1,
    }),
    // The same tokens again are another call.
    event('codex.sse_event', 12, completed),
  ]
  await sendAll(server, '/v1/logs', [logsRequest(records, { 'service.name': 'codex_cli_rs' })])
  const lines = linesOf(server, '019a-codex').map(({ seq, session, _key, _terminal, ts, ...line }) => line)
  const usage = {
    kind: 'usage',
    agentId: 'codex',
    model: 'gpt-5-codex',
    inputTokens: 2048,
    outputTokens: 77,
    cacheReadTokens: 1024,
  }
  assert.deepEqual(lines, [
    { kind: 'spawn', agentId: 'codex', name: 'codex', isGod: true, model: 'gpt-5-codex' },
    { kind: 'user.prompt', agentId: 'codex', chars: 21 },
    usage,
    { kind: 'escalate', from: 'codex', to: 'human', subject: 'shell', id: 'call_1' },
    { kind: 'approval', id: 'call_1', approve: true, via: 'cli' },
    {
      kind: 'tool',
      agentId: 'codex',
      name: 'shell',
      ok: true,
      ms: 120,
      toolCallId: 'call_1',
      argsBytes: Buffer.byteLength('{"command":"rm -rf secret-folder"}'),
      resultBytes: 4,
    },
    { kind: 'escalate', from: 'codex', to: 'human', subject: 'apply_patch', id: 'call_2' },
    { kind: 'approval', id: 'call_2', approve: false, via: 'cli' },
    { kind: 'usage', agentId: 'codex', model: 'gpt-5-codex', ms: 9, error: 'rate limit' },
    usage,
  ])
})

test('Gemini CLI: calls with their thoughts, tools, decisions, sub-agents', async (t) => {
  const server = await tempServer(t)
  const event = (name: string, attributes: Record<string, unknown>) => ({
    attributes: { 'session.id': 'gem', 'installation.id': 'x', 'event.name': name, ...attributes },
  })
  const response = {
    model: 'gemini-3-pro',
    duration_ms: 900,
    input_token_count: 1000,
    output_token_count: 50,
    cached_content_token_count: 400,
    thoughts_token_count: 30,
    tool_token_count: 20,
    total_token_count: 1100,
    prompt_id: 'p1',
    status_code: 200,
  }
  const tool = { prompt_id: 'p1', tool_type: 'native', duration_ms: 12 }
  await sendAll(server, '/v1/logs', [
    logsRequest(
      [
        event('gemini_cli.config', { model: 'gemini-3-pro', sandbox_enabled: false }),
        event('gemini_cli.user_prompt', { prompt_length: 5, prompt_id: 'p1', prompt: 'hello' }),
        event('gemini_cli.api_request', { model: 'gemini-3-pro', prompt_id: 'p1' }),
        event('gemini_cli.api_response', response),
        event('gen_ai.client.inference.operation.details', {
          'gen_ai.request.model': 'gemini-3-pro',
          'gen_ai.usage.input_tokens': 1000,
          'gen_ai.usage.output_tokens': 50,
        }),
        event('gemini_cli.tool_call', {
          ...tool,
          function_name: 'read_file',
          success: true,
          decision: 'accept',
          content_length: 7,
        }),
        event('gemini_cli.tool_call', {
          ...tool,
          function_name: 'run_shell_command',
          success: true,
          decision: 'modify',
          function_args: '{"command":"ls"}',
        }),
        event('gemini_cli.tool_call', {
          ...tool,
          function_name: 'write_file',
          success: false,
          decision: 'reject',
        }),
        event('gemini_cli.tool_call', {
          ...tool,
          function_name: 'web_fetch',
          success: false,
          decision: 'auto_accept',
          error: 'not found',
          'error.message': 'not found',
          'error.type': 'HTTP_404',
        }),
        event('gemini_cli.agent.start', { agent_id: 'inv-1', agent_name: 'codebase_investigator' }),
        event('gemini_cli.agent.finish', {
          agent_id: 'inv-1',
          agent_name: 'codebase_investigator',
          duration_ms: 5000,
          turn_count: 3,
          terminate_reason: 'TIMEOUT',
        }),
        event('gemini_cli.api_error', {
          model: 'gemini-3-pro',
          'error.message': 'quota',
          error: 'quota',
          duration_ms: 3,
          status_code: 429,
        }),
      ],
      { 'service.name': 'gemini-cli', 'session.id': 'gem' },
    ),
  ])
  const lines = linesOf(server, 'gem')
  assert.deepEqual(
    lines
      .filter(({ kind }) => kind === 'usage')
      .map((line) => [line.inputTokens, line.outputTokens, line.error]),
    [
      [1020, 80, undefined],
      [undefined, undefined, 'quota'],
    ],
  )
  assert.equal(1020 + 80, response.total_token_count)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'tool').map(({ name, ok, error }) => [name, ok, error]),
    [
      ['read_file', true, undefined],
      ['run_shell_command', true, undefined],
      ['web_fetch', false, 'HTTP_404'],
    ],
  )
  const asked = lines.filter(({ kind }) => kind === 'escalate')
  const decided = lines.filter(({ kind }) => kind === 'approval')
  assert.deepEqual(
    asked.map(({ subject }) => subject),
    ['run_shell_command', 'write_file', 'web_fetch'],
  )
  assert.deepEqual(
    decided.map(({ id, approve }) => [id, approve]),
    [
      [asked[0]?.id, true],
      [asked[1]?.id, false],
      [asked[2]?.id, true],
    ],
  )
  assert.deepEqual(
    lines
      .filter(({ kind }) => kind === 'spawn' || kind === 'exit')
      .map(({ kind, agentId, name, parent, status, error }) => [kind, agentId, name, parent, status, error]),
    [
      ['spawn', 'gemini', 'gemini', undefined, undefined, undefined],
      ['spawn', 'inv-1', 'codebase_investigator', 'gemini', undefined, undefined],
      ['exit', 'inv-1', undefined, undefined, 'error', 'TIMEOUT'],
    ],
  )
  assert.ok(!readFileSync(logOf(server, 'gem'), 'utf8').includes('hello'))
})

test('Gemini CLI: what a person said is told from what a rule let run, and what ran from what did not', async (t) => {
  const server = await tempServer(t)
  // As `ToolCallEvent` of 0.61 has it for each way that its scheduler and its editor's door can go.
  const error = { error: 'e', 'error.message': 'e', error_type: 'shell', 'error.type': 'shell' }
  const no = 'Tool "editor_no" was canceled by the user.'
  const cases: [string, Record<string, unknown>, boolean | undefined, boolean | undefined][] = [
    // What it is, its attributes, what a person said, and how the tool ended.
    ['rule_or_once', { success: true, decision: 'accept' }, undefined, true],
    ['rule_or_once_failed', { success: false, decision: 'accept', ...error }, undefined, false],
    ['always', { success: true, decision: 'auto_accept' }, true, true],
    ['always_failed', { success: false, decision: 'auto_accept', ...error }, true, false],
    ['always_saved', { success: true, decision: 'reject' }, true, true],
    ['always_saved_failed', { success: false, decision: 'reject', ...error }, true, false],
    ['no', { success: false, decision: 'reject' }, false, undefined],
    ['called_off', { success: false }, undefined, undefined],
    ['stopped', { success: false, decision: 'accept' }, undefined, false],
    ['forbidden', { success: false, ...error, 'error.type': 'policy_violation' }, undefined, false],
    ['editor_no', { success: false, error: no, 'error.message': no }, false, undefined],
    ['editor_ran', { success: true }, undefined, true],
    ['nobody_there', { success: true, decision: 'auto_accept', interactive: false }, undefined, true],
  ]
  const records = cases.map(([name, attributes], i) => ({
    name: 'gemini_cli.tool_call',
    ts: 1_700_000_000_000 + i,
    attributes: {
      interactive: true,
      ...attributes,
      'event.name': 'gemini_cli.tool_call',
      function_name: name,
    },
  }))
  await sendAll(server, '/v1/logs', [
    logsRequest(records, { 'service.name': 'gemini-cli', 'session.id': 'said' }),
  ])
  const lines = linesOf(server, 'said')
  for (const [name, , said, ok] of cases) {
    const asked = lines.filter(({ kind, subject }) => kind === 'escalate' && subject === name)
    const answers = lines.filter(({ kind, id }) => kind === 'approval' && id === asked[0]?.id)
    const ran = lines.filter((line) => line.kind === 'tool' && line.name === name)
    assert.deepEqual(
      [asked.length, answers.map(({ approve, via, by }) => [approve, via, by]), ran.map((line) => line.ok)],
      [
        said === undefined ? 0 : 1,
        said === undefined ? [] : [[said, 'cli', undefined]],
        ok === undefined ? [] : [ok],
      ],
      name,
    )
  }
})

test('odd attributes of coding agents break nothing', async (t) => {
  const server = await tempServer(t)
  const odd: unknown[] = [
    0,
    -1,
    1e300,
    true,
    '',
    'x'.repeat(100_000),
    ['a', 1],
    { a: { b: [] } },
    '__proto__',
  ]
  const names = [
    ['claude_code.api_request', 'input_tokens', 'model', 'request_id', 'cost_usd'],
    ['claude_code.tool_result', 'tool_use_id', 'tool_name', 'success', 'duration_ms'],
    ['claude_code.tool_decision', 'tool_use_id', 'source', 'decision'],
    ['codex.tool_decision', 'call_id', 'source', 'decision'],
    ['codex.sse_event', 'event.kind', 'input_token_count', 'output_token_count'],
    ['gemini_cli.tool_call', 'function_name', 'function_args', 'decision', 'success'],
    ['gemini_cli.agent.finish', 'agent_id', 'agent_name', 'terminate_reason'],
  ]
  const records = names.flatMap(([name, ...attributes]) =>
    odd.map((value, i) => ({
      name: name as string,
      ts: 1_800_000_000_000 + i,
      attributes: {
        'session.id': 'odd',
        agent_id: value,
        ...Object.fromEntries(attributes.map((each) => [each, value])),
      },
    })),
  )
  const answer = await send(server, '/v1/logs', logsRequest(records))
  assert.equal(answer.status, 200)
  for (const line of eventsOf(logOf(server, 'odd'))) assert.ok(JSON.stringify(line).length < 20_000)
  assert.equal((await verifyLog(logOf(server, 'odd'))).ok, true)
})
