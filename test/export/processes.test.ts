/** A hive whose agents go on in processes of their own, exported from all its logs: as when it lived. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportLog } from '../../src/analyse.js'
import { startHive } from '../../src/index.js'
import { linesOf as logLines, tempFolder, tempHive, tempReceiver } from '../kit/hive-support.js'
import type { ReceivedSpan } from '../kit/otlp-receiver.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'

/** What must be the same: who is under whom, who is linked to whom, and what happened. */
const said = ({ name, spanId, traceId, parentSpanId, links, events }: ReceivedSpan) => ({
  name,
  spanId,
  traceId,
  parentSpanId,
  links,
  events: events.map(({ name, ms, attributes }) => ({ name, ms, attributes })),
})
const byId = (spans: ReceivedSpan[]) => spans.map(said).sort((a, b) => (a.spanId < b.spanId ? -1 : 1))

test('the second process is under the agent, and its drain links to the senders of the first', async (t) => {
  const [live, again] = [await tempReceiver(t), await tempReceiver(t)]
  const otlp = { url: live.url }
  const { hive, file } = tempHive(t, { file: join(tempFolder(t), 'hive.jsonl'), otlp, serviceName: 's' })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder' })
  const sent = lead.message({ to: 'coder', act: 'request', subject: 'Go on elsewhere' })
  const env = coder.env()
  const before = { ...process.env }
  Object.assign(process.env, env)
  t.after(() => {
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  })
  // The same process here, which makes no difference to its log.
  const other = startHive({ otlp, serviceName: 's' })
  const { self } = other
  assert.ok(self)
  self.drain([sent])
  self.spawn({ agentId: 'helper' }).end()
  other.log('note', { of: 'nobody' })
  self.end()
  await other.shutdown()
  await hive.shutdown()

  const files = [file, join(`${file}.agents`, 'coder.jsonl')]
  const report = await exportLog(files, { otlp: { url: again.url }, serviceName: 's' })
  assert.deepEqual([report.spans, report.traces, report.unlinked, report.lost], [live.spans.length, 1, 0, 0])
  assert.deepEqual(byId(again.spans), byId(live.spans))
  assert.equal(again.spans.filter(({ parentSpanId }) => parentSpanId === undefined).length, 1)

  const run = await hivelog(['export', ...files, '--otlp', again.url, '--json'])
  assert.deepEqual(JSON.parse(run.stdout).files, files)
  const text = await hivelog(['export', ...files, '--format', 'otlp-json'])
  assert.equal(linesOf(text.stdout).length, 1)
  // The child's log is found by itself, and the table is of both.
  const found = await tempReceiver(t)
  await exportLog(file, { otlp: { url: found.url }, serviceName: 's' })
  assert.deepEqual(byId(found.spans), byId(live.spans))
  const csv = await hivelog(['export', file, '--format', 'csv'])
  assert.equal(csv.code, 0)
  const rows = csv.stdout.split('\r\n').slice(1, -1)
  assert.equal(
    rows.length,
    files.reduce((sum, each) => sum + logLines(each).length, 0),
  )
  assert.ok(rows.some((row) => row.includes(files[1] as string)))
})

test('logs that have nothing to do with each other stay apart', async (t) => {
  const again = await tempReceiver(t)
  const files = []
  for (const session of ['a', 'b']) {
    const { hive, file } = tempHive(t, { sessionId: `sess_${session}` })
    hive.spawn({ agentId: 'lead' }).wait({ resource: 'r', ms: 1 })
    await hive.shutdown()
    files.push(file)
  }
  const report = await exportLog(files, { otlp: { url: again.url } })
  assert.deepEqual([report.spans, report.traces], [2, 2])
  assert.deepEqual(
    again.spans.map(({ parentSpanId }) => parentSpanId),
    [undefined, undefined],
  )
})
