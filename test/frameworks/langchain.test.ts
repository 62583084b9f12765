/** LangGraph's answers of people, and callbacks that get anything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Runs } from '../../src/frameworks/langchain/runs.js'
import { waitId } from '../../src/frameworks/langchain/waits.js'
import { Stage } from '../../src/frameworks/stage.js'
import { isAllowed, subjectOf } from '../../src/otel/vocabularies/langgraph.js'
import { tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

test('an answer is a refusal only if it says so', () => {
  const refusals = [
    false,
    'no',
    ' Rejected ',
    { approved: false },
    { type: 'reject', message: 'too much' },
    { decisions: [{ type: 'approve' }, { type: 'reject' }] },
    [{ type: 'ignore' }],
  ]
  const others = [
    true,
    'yes',
    'Ann, 12 crowns',
    { approved: true },
    { decisions: [{ type: 'edit', editedAction: {} }] },
    [{ type: 'accept' }],
    { colour: 'red' },
    7,
    null,
  ]
  for (const answer of refusals) assert.equal(isAllowed(answer), false, JSON.stringify(answer))
  for (const answer of others) assert.equal(isAllowed(answer), true, JSON.stringify(answer))
})

test('what is asked is said without arguments', () => {
  const requests = {
    actionRequests: [
      { name: 'send', args: { to: 'Ann' } },
      { name: 'pay', args: {} },
    ],
  }
  assert.equal(subjectOf(requests, 'agent'), 'may send, pay run?')
  assert.equal(subjectOf({ question: 'Open\nit?', path: '/x' }, 'agent'), 'Open it?')
  assert.equal(subjectOf({ path: '/x' }, 'tools'), 'tools asks')
})

test('a wait is known by its thread, its task and the answers before it', () => {
  const ids = new Set([
    waitId('t', 'a:1', 0),
    waitId('t', 'a:1', 1),
    waitId('t', 'a:2', 0),
    waitId('u', 'a:1', 0),
  ])
  assert.equal(ids.size, 4)
  assert.equal(waitId('t', 'a:1', 0), waitId('t', 'a:1', 0))
})

test('callbacks take anything, in any order', (t) => {
  const runs = new Runs(new Stage(tempHive(t).hive))
  const callbacks = [
    'handleChainStart',
    'handleChainEnd',
    'handleChainError',
    'handleChatModelStart',
    'handleLLMNewToken',
    'handleLLMEnd',
    'handleLLMError',
    'handleToolStart',
    'handleToolEnd',
    'handleToolError',
    'entered',
    'looked',
  ] as const
  const any = fc.oneof(fc.anything(), fc.constantFrom('a', 'b', { id: ['langgraph', 'pregel', 'X'] }))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...callbacks), fc.array(any, { maxLength: 8 })), { maxLength: 30 }),
      (calls) => {
        for (const [name, args] of calls) (runs[name] as (...given: unknown[]) => void).apply(runs, args)
      },
    ),
    { numRuns: cases(200, 200) },
  )
})
