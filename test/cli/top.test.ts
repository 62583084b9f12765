/** The live screen: the numbers of the state, and on a real terminal what it draws, obeys and leaves behind. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { hivelog, linesOf, MAIN } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog } from '../kit/story.js'
import { NO_TERMINAL, Terminal } from '../kit/terminal.js'

const tidy = (text: string): string[] => linesOf(text).map((line) => line.replace(/(\S) {2,}/g, '$1  '))

test('top --once: the numbers of state --json', async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  main
    .at(400, 'escalate', { from: 'lead', to: 'human', subject: '?', id: 'e-2' })
    .at(401, 'message', { from: 'lead', to: 'stranger', act: 'inform', subject: 's', id: 'm-8' })
    .at(402, 'usage', {
      agentId: 'lead',
      model: 'gpt-4o',
      provider: 'openai',
      inputTokens: 1000,
      outputTokens: 100,
    })
    .at(403, 'usage', { agentId: 'lead', model: 'unheard-of', inputTokens: 5, outputTokens: 1 })
    .at(404, 'archive', { agentId: 'lead', archived: true })
  const top = JSON.parse((await hivelog(['top', '--once', '--json'], { cwd })).stdout)
  const state = JSON.parse((await hivelog(['state', '--json'], { cwd })).stdout)
  const { calls, inputTokens, outputTokens, costUsd, unpriced } = top.usage
  const { cacheReadTokens: _, cacheWriteTokens: __, ...usage } = state.usage
  assert.deepEqual({ calls, inputTokens, outputTokens, costUsd, unpriced }, usage)
  assert.ok(costUsd > 0.25, 'the price list says what the second call cost')
  assert.deepEqual(
    [top.events, top.messages, top.malformed, top.lost],
    [state.events, state.messages, state.malformed, state.lost],
  )
  assert.equal(top.pending, state.pending.length)
  const waiting = Object.fromEntries(
    state.inboxes.map((each: { recipient: string; waiting: number }) => [each.recipient, each.waiting]),
  )
  assert.equal(
    top.inbox,
    Object.values<number>(waiting).reduce((sum, each) => sum + each, 0),
  )
  interface Of {
    agentId: string
    status: string
    since: number
    events: number
    lastTs: number
    inbox: number
    costUsd: number
    usage?: { costUsd: number }
  }
  const inState = state.agents.map((each: Of) => [
    each.agentId,
    each.status,
    each.since,
    each.events,
    each.lastTs,
    waiting[each.agentId] ?? 0,
    each.usage?.costUsd ?? 0,
  ])
  const inTop = top.agents.map((each: Of) => [
    each.agentId,
    each.status,
    each.since,
    each.events,
    each.lastTs,
    each.inbox,
    each.costUsd,
  ])
  assert.deepEqual(inTop.sort(), inState.sort())
})

test('top: one picture where there is no terminal, and what there is none of', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  const { code, stdout, stderr } = await hivelog(['top'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.ok(!stdout.includes('\x1b'))
  const lines = tidy(stdout)
  assert.match(lines[0] ?? '', /^hive\.jsonl and 1 child log {2}\d{4}-.* 15 events, 0 in the last minute$/)
  assert.equal(lines[1], 'agents  1 alive, 1 ended; 1 message waiting; 0 pending with the human')
  assert.match(lines[4] ?? '', /^agent {2}status {2}last event▾ {2}inbox {2}pending {2}calls {2}tokens/)
  assert.match(
    lines[5] ?? '',
    /^lead \(Lead\) {2}alive {2}drain \d+ d \d+ h ago {2}1 {2}0 {2}0 {2}0 {2}\$0\.00 {2}\$0\.00$/,
  )
  writeFileSync(join(cwd, 'empty.jsonl'), '')
  writeFileSync(join(cwd, 'no-log.jsonl'), 'level=info msg=x\n')
  for (const [file, exit] of [
    ['empty.jsonl', 1],
    ['no-log.jsonl', 2],
  ] as const) {
    for (const args of [
      ['top', file],
      ['show', '1', file],
      ['why', '1', file],
      ['talk', 'a', 'b', file],
    ]) {
      const ended = await hivelog(args, { cwd })
      assert.deepEqual([ended.code, ended.stdout], [exit, ''], args.join(' '))
      assert.match(ended.stderr, /^hivelog: [^\n]+\n$/)
    }
  }
})

test('top on a terminal: follows, obeys keys, and gives the screen back', {
  skip: NO_TERMINAL,
}, async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  const terminal = new Terminal(t, `exec ${process.execPath} ${MAIN} top hive.jsonl`, cwd)
  await terminal.until(/lead \(Lead\) +alive/)
  await terminal.until(/last event▾/)
  const evil = main
    .child('late')
    .at(600, 'spawn', { agentId: 'late\x1b]0;x\x07\x1b[2J', name: 'Late', isGod: false })
  await terminal.until(/late\\u001b\]0;x\\u0007/)
  await terminal.until(/and 2 child logs/)
  evil.at(601, 'escalate', { from: 'lead', to: 'human', subject: '?', id: 'e-9' })
  await terminal.until(/1 pending with the human/)
  terminal.press('p')
  await terminal.until(/pending▾/)
  terminal.press('c')
  await terminal.until(/\$\/min▾/)
  terminal.press('i')
  await terminal.until(/inbox▾/)
  terminal.press('a')
  await terminal.until(/last event▾/)
  for (const harm of ['\x1b]', '\x07', 'Warning']) assert.ok(!terminal.output.includes(harm))
  assert.equal(terminal.output.split('\x1b[2J').length, 2, 'cleared once, at its start')
  terminal.press('q')
  assert.equal(await terminal.ended, 0)
  assertGivenBack(terminal.output)
})

test('top on a terminal: an empty log has its screen, until there is something to show', {
  skip: NO_TERMINAL,
}, async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), '')
  const terminal = new Terminal(t, `exec ${process.execPath} ${MAIN} top`, cwd)
  await terminal.until(/ 0 events, 0 in the last minute/)
  assert.ok(!terminal.picture.includes('reading'), 'there is nothing to read')
  new StoryLog(join(cwd, 'hive.jsonl')).at(0, 'spawn', { agentId: 'first', name: 'F', isGod: false })
  await terminal.until(/first \(F\) +alive/)
  terminal.press('q')
  assert.equal(await terminal.ended, 0)
  assertGivenBack(terminal.output)
})

function assertGivenBack(output: string): void {
  assert.ok(output.includes('\x1b[?1049h') && output.includes('\x1b[?25l'), 'it took the screen')
  const left = output.lastIndexOf('\x1b[?1049l')
  assert.ok(left > output.lastIndexOf('\x1b[?1049h'), 'the screen is given back')
  assert.ok(output.lastIndexOf('\x1b[?25h') > output.lastIndexOf('\x1b[?25l'), 'the cursor too')
  assert.ok(output.lastIndexOf('\x1b[H') < left, 'and nothing is drawn afterwards')
}

for (const signal of ['INT', 'TERM', 'HUP']) {
  test(`top on a terminal: SIG${signal} gives the screen back`, { skip: NO_TERMINAL }, async (t) => {
    const cwd = scratch(t)
    cleanUp(cwd)
    const command = `${process.execPath} ${MAIN} top hive.jsonl & pid=$!; sleep 2; kill -${signal} $pid; wait $pid; echo code $?`
    const terminal = new Terminal(t, `sh -c '${command}'`, cwd)
    await terminal.ended
    assertGivenBack(terminal.output)
    assert.match(terminal.output, /code 0/)
  })
}

test('top on a terminal: Ctrl-C ends it; a crash gives the screen back, and says why', {
  skip: NO_TERMINAL,
}, async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  const stopped = new Terminal(t, `exec ${process.execPath} ${MAIN} top`, cwd)
  await stopped.until(/lead \(Lead\)/)
  stopped.press('\x03')
  assert.equal(await stopped.ended, 0)
  assertGivenBack(stopped.output)
  writeFileSync(join(cwd, 'crash.mjs'), 'setTimeout(() => { throw new Error("planted crash") }, 2000)')
  const crashed = new Terminal(t, `exec ${process.execPath} --import ./crash.mjs ${MAIN} top`, cwd)
  await crashed.until(/lead \(Lead\)/)
  assert.notEqual(await crashed.ended, 0)
  assertGivenBack(crashed.output)
  assert.match(crashed.output, /planted crash/)
})

test('top on a terminal: a log that is not there is one line, and no screen', {
  skip: NO_TERMINAL,
}, async (t) => {
  const terminal = new Terminal(t, `exec ${process.execPath} ${MAIN} top none.jsonl`, scratch(t))
  assert.equal(await terminal.ended, 2)
  assert.equal(terminal.output.trim(), 'hivelog: cannot read none.jsonl: there is no such file')
})

test('top on a terminal: no more often than twice a second, and as large as the terminal is', {
  skip: NO_TERMINAL,
}, async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  for (let i = 0; i < 60; i++) main.at(700 + i, 'spawn', { agentId: `agent-${i}`, name: 'A', isGod: false })
  const terminal = new Terminal(t, `exec ${process.execPath} ${MAIN} top`, cwd)
  await terminal.until(/agent-59/)
  const drawnBefore = terminal.output.split('\x1b[H').length
  const from = Date.now()
  while (Date.now() - from < 2000) {
    main.at(800, 'tool', { agentId: 'agent-1', name: 'x', ok: true })
    await pause(10)
  }
  const drawn = terminal.output.split('\x1b[H').length - drawnBefore
  assert.ok(drawn <= 5, `${drawn} times in 2 s`)
  assert.ok(drawn >= 2, `${drawn} times in 2 s`)
  const lines = terminal.picture.split(/\r*\n/)
  assert.equal(lines.length, 24)
  assert.match(lines.at(-1) ?? '', /^q ends; sort by a action, i inbox, p pending, c cost/)
  assert.match(lines.at(-2) ?? '', /^… and \d+ agents more$/)
  for (const line of lines) assert.ok(line.length <= 100, line)
  terminal.press('q')
  assert.equal(await terminal.ended, 0)
})
