/** Lines of a hive that come as OTLP log records are the same lines again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replay } from '../../src/analyse.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'
import { linesOf, logOf, logsRequest, send, tempServer } from '../kit/serve-support.js'

const plain = ({ seq, ...line }: Record<string, unknown>): unknown => line

test('a log sent record by record gives its lines back, once, also after a restart', async (t) => {
  const { hive, file } = tempHive(t, { sessionId: 'run-1' })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  coder.drain([lead.message({ to: 'coder', act: 'request', subject: 'Go' })])
  coder.usage({ model: 'm', inputTokens: 10, outputTokens: 2 })
  const { id } = coder.escalate({ subject: 'Drop it?' })
  await hive.approve(id, false, { by: 'ana' })
  coder.log('plan.revised', { steps: [1, { two: 2 }] })
  coder.end()
  // A second life counts its events from 0 again.
  lead.spawn({ agentId: 'coder', name: 'Coder' }).end()
  await hive.shutdown()
  const lines = eventsOf(file).filter(({ kind }) => !kind.startsWith('log.'))
  const request = logsRequest(
    lines.map((line) => ({
      name: `hive.${line.kind}`,
      ts: line.ts,
      body: JSON.stringify(line),
      attributes: { 'session.id': line.session },
    })),
  )
  const server = await tempServer(t, undefined, ['ingest', 'decide'])
  assert.deepEqual((await send(server, '/v1/logs', request)).json(), {})
  assert.deepEqual((await send(server, '/v1/logs', request)).json(), {})
  const withoutKey = ({ _key, ...line }: Record<string, unknown>): Record<string, unknown> => line
  const stored = () => linesOf(server, 'run-1').map(withoutKey).map(plain)
  assert.deepEqual(stored(), lines.map(plain))
  await server.close()
  const again = await tempServer(t, server.store)
  await send({ ...again, token: server.token }, '/v1/logs', request)
  assert.deepEqual(stored(), lines.map(plain))
  assert.deepEqual((await replay(logOf(server, 'run-1'))).pending, [])
})

test('a record without a body has its fields in attributes; a kind that is none is told of', async (t) => {
  const server = await tempServer(t)
  const answer = await send(
    server,
    '/v1/logs',
    logsRequest(
      [
        {
          name: 'hive.message',
          ts: 1_700_000_000_007,
          attributes: {
            'hive.from': 'a',
            'hive.to': 'b',
            'hive.act': 'inform',
            'hive.subject': 'S',
            'hive.id': 'm1',
          },
        },
        { name: 'hive.Not A Kind', attributes: {} },
        { name: 'other.event', attributes: {} },
      ],
      { 'session.id': 'r' },
    ),
  )
  assert.equal(answer.json().partialSuccess.rejectedLogRecords, '1')
  const [line, ...others] = linesOf(server, 'r')
  assert.deepEqual(others, [])
  assert.deepEqual(
    { ...line, seq: 0, _key: '' },
    {
      ts: 1_700_000_000_007,
      kind: 'message',
      from: 'a',
      to: 'b',
      act: 'inform',
      subject: 'S',
      id: 'm1',
      session: 'r',
      seq: 0,
      _key: '',
    },
  )
})

test('an approval needs a token that may decide', async (t) => {
  const server = await tempServer(t, undefined, ['ingest'])
  const request = logsRequest([
    { name: 'hive.approval', attributes: { 'session.id': 'r', 'hive.id': 'e', 'hive.approve': true } },
  ])
  const answer = await send(server, '/v1/logs', request)
  assert.equal(answer.json().partialSuccess.rejectedLogRecords, '1')
  assert.match(answer.json().partialSuccess.errorMessage, /scope decide/)
})
