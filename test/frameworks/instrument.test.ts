/** How the adapters of the frameworks are chosen and installed. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ADAPTERS, instrument } from '../../src/frameworks/instrument.js'
import type { Adapter, Stage } from '../../src/frameworks/stage.js'
import { captureDiag, defer, eventsOf, tempHive } from '../kit/hive-support.js'

function chooseBy(t: TestContext, value: string | undefined): void {
  const before = process.env.HIVELOG_INSTRUMENT
  if (value === undefined) delete process.env.HIVELOG_INSTRUMENT
  else process.env.HIVELOG_INSTRUMENT = value
  defer(t, () => {
    if (before === undefined) delete process.env.HIVELOG_INSTRUMENT
    else process.env.HIVELOG_INSTRUMENT = before
  })
}

/** Two adapters, and what was installed of them. */
function twoAdapters() {
  const installed: string[] = []
  const stages = new Set<Stage>()
  const adapterOf = (name: string): Adapter => ({
    name,
    install(stage) {
      installed.push(name)
      stages.add(stage)
    },
  })
  return { adapters: { one: adapterOf('One'), 'two-two': adapterOf('Two') }, installed, stages }
}

for (const [value, expected, said] of [
  [undefined, ['One', 'Two'], []],
  ['', ['One', 'Two'], []],
  [' all ', ['One', 'Two'], []],
  ['none', [], []],
  ['two-two', ['Two'], []],
  [' two-two , one,', ['Two', 'One'], []],
  [
    'one,constructor',
    ['One'],
    ["hivelog: HIVELOG_INSTRUMENT: 'constructor' is not known; use none, all, one, two-two"],
  ],
] as const) {
  test(`HIVELOG_INSTRUMENT=${JSON.stringify(value)} installs ${expected.join(', ') || 'nothing'}`, (t) => {
    chooseBy(t, value)
    const heard = captureDiag(t)
    const { hive } = tempHive(t)
    const { adapters, installed, stages } = twoAdapters()
    instrument(hive, adapters)
    assert.deepEqual(installed, expected)
    assert.equal(stages.size, Math.min(expected.length, 1), 'all are on one stage')
    for (const stage of stages) assert.equal(stage.hive, hive)
    assert.deepEqual(heard, said)
  })
}

test('a hive is instrumented once, and each hive for itself', (t) => {
  chooseBy(t, undefined)
  const [{ hive: a }, { hive: b }] = [tempHive(t), tempHive(t)]
  const { adapters, installed } = twoAdapters()
  for (const hive of [a, a, b]) instrument(hive, adapters)
  assert.deepEqual(installed, ['One', 'Two', 'One', 'Two'])
})

test('an adapter that throws is told, and neither the others nor the application notice', async (t) => {
  chooseBy(t, undefined)
  const heard = captureDiag(t)
  const { hive, file } = tempHive(t)
  const broken: Adapter = {
    name: 'Broken',
    install() {
      throw new TypeError('no such thing')
    },
  }
  const good: Adapter = { name: 'Good', install: (stage) => void stage.begin({ name: 'worker' }).end() }
  instrument(hive, { broken, good })
  await hive.shutdown()
  assert.deepEqual(heard, ['hivelog: Broken is not recorded: its adapter failed: no such thing'])
  assert.ok(eventsOf(file).some(({ kind, agentId }) => kind === 'spawn' && agentId === 'worker'))
})

test('hive.instrument() installs what there is, and records nothing where no framework is', async (t) => {
  chooseBy(t, undefined)
  assert.ok(Object.keys(ADAPTERS).length > 0)
  const heard = captureDiag(t)
  const { hive, file } = tempHive(t)
  hive.instrument()
  hive.instrument()
  await hive.shutdown()
  assert.deepEqual([heard, eventsOf(file)], [[], []])
})
