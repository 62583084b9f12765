/** The agent that the process is, for work in no agent's life; and ids of agents that have one name. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { processName } from '../../src/record/implicit.js'
import { LogRecorder } from '../../src/record/log-recorder.js'
import { type Life, Owners } from '../../src/record/owners.js'
import { captureDiag, defer, eventsOf, runNode, tempFolder, tempHive } from '../kit/hive-support.js'

const context = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), traceFlags: 1 }

function tempRecorder(t: TestContext): { recorder: LogRecorder; file: string } {
  const file = join(tempFolder(t), 'hive.jsonl')
  const recorder = LogRecorder.open({ file, fsync: 'no', sessionId: 's' }, 'JsonlSpanExporter')
  defer(t, () => recorder.release())
  return { recorder, file }
}

test('each session has one, which begins with the first work and ends with the log', async (t) => {
  const { recorder, file } = tempRecorder(t)
  const life = recorder.implicit.of('s', 'shop', 5)
  assert.equal(recorder.implicit.of('s', 'shop'), life)
  assert.equal(recorder.count, 0)
  recorder.write(7, 'usage', { inputTokens: 1, outputTokens: 1 }, { context, session: 's', life })
  recorder.implicit.of('s-2', 'shop', 8)
  await recorder.release()
  assert.equal(recorder.count, 1, 'its life is no event of anybody')
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId, name, session, checkpoint, status, pid }) => [
      kind,
      agentId,
      name ?? status,
      session,
      checkpoint,
      pid,
    ]),
    [
      ['spawn', 'shop', 'shop', 's', 0, process.pid],
      ['usage', 'shop', undefined, 's', 1, undefined],
      ['spawn', 'shop', 'shop', 's-2', 0, process.pid],
      ['exit', 'shop', 'ok', 's', 2, undefined],
      ['exit', 'shop', 'ok', 's-2', 1, undefined],
    ],
  )
  const [first, work, second, ...exits] = eventsOf(file)
  assert.equal(work?.trace, context.traceId)
  assert.deepEqual(
    exits.map(({ trace, span }) => [trace, span]),
    [first, second].map((spawn) => [spawn?.trace, spawn?.span]),
    'each life has a span of its own, for whoever rebuilds it',
  )
  assert.equal(new Set([first?.span, work?.span, second?.span]).size, 3)
  assert.equal(eventsOf(file)[0]?.ts, 5)
})

test('of conversations without end it keeps the last', async (t) => {
  const { recorder, file } = tempRecorder(t)
  for (let n = 0; n < 600; n++) recorder.implicit.of(`s-${n}`, 'shop')
  await recorder.journal.flush()
  const exits = eventsOf(file).filter(({ kind }) => kind === 'exit')
  assert.deepEqual(
    exits.map(({ session }) => session),
    Array.from({ length: 100 }, (_, n) => `s-${n}`),
  )
  assert.deepEqual(
    ['s-99', 's-100'].map((session) => recorder.owners.isLiving('shop', session)),
    [false, true],
  )
})

test('when the log is closed before the process ends it ends as the process stands', async (t) => {
  const { recorder, file } = tempRecorder(t)
  defer(t, () => {
    process.exitCode = undefined
  })
  recorder.implicit.of('s', 'shop')
  process.exitCode = 3
  await recorder.release()
  assert.deepEqual(
    eventsOf(file).map(({ status, error }) => [status, error]),
    [
      [undefined, undefined],
      ['error', 'exit code 3'],
    ],
  )
})

test('it has an id of its own beside an agent that is called so', async (t) => {
  const { recorder } = tempRecorder(t)
  recorder.owners.beginLife('shop', 's')
  assert.equal(recorder.implicit.of('s', 'shop').agentId, 'shop#2')
})

test('it is called as the service is, else as the script is', (t) => {
  const before = { argv: process.argv, env: { ...process.env } }
  defer(t, () => {
    process.argv = before.argv
    process.env = before.env
  })
  delete process.env.OTEL_SERVICE_NAME
  delete process.env.OTEL_RESOURCE_ATTRIBUTES
  process.argv = ['node', '/srv/app/server.mjs']
  assert.equal(processName(), 'server')
  process.argv = ['node']
  assert.equal(processName(), 'main')
  process.env.OTEL_RESOURCE_ATTRIBUTES = 'host.name=h, service.name=my%20shop'
  assert.equal(processName(), 'my shop')
  process.env.OTEL_SERVICE_NAME = 'till'
  assert.equal(processName(), 'till')
  assert.equal(processName('given'), 'given')
})

for (const [how, code, status, error] of [
  ['process.exit(0)', 0, 'ok', undefined],
  ['process.exit(3)', 3, 'error', 'exit code 3'],
  ['throw new Error("broken")', 1, 'error', 'broken'],
  ['process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)', null, 'killed', 'SIGTERM'],
  ['', 0, 'ok', undefined],
] as const) {
  test(`it ends as its process does: ${how || 'nothing is left to do'}`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const url = new URL('../../src/record/log-recorder.js', import.meta.url)
    const program = `import { LogRecorder } from ${JSON.stringify(url)}
      LogRecorder.open({ sessionId: 's' }, 'JsonlSpanExporter').implicit.of('s')
      ${how}`
    const ran = await runNode(['--input-type=module', '-e', program], { HIVELOG_FILE: file })
    assert.equal(ran.code, code)
    assert.deepEqual(
      eventsOf(file).map((line) => [line.kind, line.agentId, line.status, line.error]),
      [
        ['spawn', 'main', undefined, undefined],
        ['exit', 'main', status, error],
      ],
    )
  })
}

test('a hive gives its own agent, which is `self` where the process has an id, and ends it as the process stands', async (t) => {
  const said = captureDiag(t)
  for (const id of [undefined, 'worker']) {
    if (id === undefined) delete process.env.AGENT_ID
    else process.env.AGENT_ID = id
    defer(t, () => delete process.env.AGENT_ID)
    const { hive, file } = tempHive(t, { serviceName: 'till' })
    const life = hive.recorder.implicit.of(hive.sessionId)
    const agent = hive.implicit()
    assert.equal(agent.life, life)
    assert.equal(agent.agentId, id ?? 'till')
    assert.equal(hive.self, id === undefined ? undefined : agent)
    assert.equal(hive.implicit(), agent)
    await hive.shutdown()
    assert.deepEqual(
      eventsOf(file).map(({ kind, agentId, status }) => [kind, agentId, status]),
      [
        ['spawn', agent.agentId, undefined],
        ['exit', agent.agentId, 'ok'],
      ],
    )
    assert.equal(hive.implicit(), agent, 'nothing begins when the hive is over')
  }
  assert.deepEqual(said, [])
})

test('when the application ends the hive’s, the next work begins another', async (t) => {
  const { hive, file } = tempHive(t, { serviceName: 'till' })
  hive.implicit().end()
  hive.implicit()
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => `${kind} ${agentId}`),
    ['spawn till', 'exit till', 'spawn till', 'exit till'],
  )
})

test('a log that goes on without its hive has an agent for its work all the same', async (t) => {
  const { recorder, file } = tempRecorder(t)
  const { hive } = tempHive(t, { file, serviceName: 'till' })
  assert.equal(hive.sessionId, 's', 'a log has one session')
  assert.equal(recorder.implicit.of('s'), hive.implicit().life)
  await hive.shutdown()
  const life = recorder.implicit.of('s', 'till')
  assert.notEqual(life, hive.implicit().life)
  await recorder.release()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => `${kind} ${agentId}`),
    ['spawn till', 'exit till', 'spawn till', 'exit till'],
  )
})

test('an id is the name with the least number that is free, whoever begins and ends', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'a#2', 'x'.repeat(256), `${'x'.repeat(250)}yyyyyy`),
    // More begin than end, so that many live.
    end: fc.oneof({ weight: 2, arbitrary: fc.nat() }, { weight: 3, arbitrary: fc.constant(null) }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const owners = new Owners()
      const living: Life[] = []
      for (const { name, end } of steps) {
        if (end !== null && living.length > 0) {
          const [life] = living.splice(end % living.length, 1)
          owners.endLife(life as Life)
          continue
        }
        const id = owners.freeId(name, 's#1')
        const isTaken = (each: string): boolean => living.some(({ agentId }) => agentId === each)
        let expected = name
        for (let n = 2; isTaken(expected); n++) expected = `${name.slice(0, 246)}#${n}`
        assert.equal(id, expected)
        assert.ok(!owners.isLiving(id, 's#1'))
        assert.equal(owners.freeId(id, 's-2'), id, 'each session has ids of its own')
        living.push(owners.beginLife(id, 's#1'))
      }
    }),
  )
})

test('thousands of one name get their ids in a breath', () => {
  const owners = new Owners()
  const began = performance.now()
  const lives = Array.from({ length: 20_000 }, () => owners.beginLife(owners.freeId('a', 's'), 's'))
  for (const life of lives.reverse()) owners.endLife(life)
  assert.ok(performance.now() - began < 2_000, 'not the square of it')
  assert.equal(owners.freeId('a', 's'), 'a')
})

test('children find whose a span was that ended long ago, in memory that is bounded', () => {
  const owners = new Owners()
  const life = owners.beginLife('a', 's')
  const contextOf = (n: number) => ({ ...context, spanId: n.toString(16).padStart(16, '0') })
  const { traceId } = context
  const owner = { traceId, session: 's', life, isLife: false, writer: 'processor' } as const
  for (let n = 1; n <= 30_000; n++) {
    owners.claim(contextOf(n), owner)
    owners.end(contextOf(n))
  }
  assert.equal(owners.of(contextOf(20_001))?.life, life)
  assert.equal(owners.of(contextOf(1)), undefined)
  owners.remember(contextOf(1), owner)
  assert.equal(owners.of(contextOf(1))?.life, life)
})

test('a span that is known better later has another owner from then on', () => {
  const owners = new Owners()
  const mine = { ...context }
  const { traceId } = mine
  const owner = { traceId, session: 's', life: undefined, isLife: false, writer: 'processor' } as const
  owners.claim(mine, owner)
  const life = owners.beginLife('late', 's')
  owners.claim(mine, { ...owner, life, isLife: true })
  assert.equal(owners.of({ ...mine })?.life, life)
  assert.equal(owners.end(mine)?.life, life)
  assert.equal(owners.of(mine)?.life, life)
})
