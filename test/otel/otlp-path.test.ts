/** A URL that names only a server means the specification's path on it, in code as for the commands. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { captureDiag, defer, tempHive } from '../kit/hive-support.js'

for (const [given, expected] of [
  ['', ['/v1/logs', '/v1/traces']],
  ['/', ['/v1/logs', '/v1/traces']],
  ['/own/path', ['/own/path']],
  ['/?tenant=a', ['/v1/logs?tenant=a', '/v1/traces?tenant=a']],
] as const) {
  test(`spans and lines sent to http://host${given} go to ${expected.join(' and ')}`, async (t) => {
    captureDiag(t)
    const paths = new Set<string>()
    const server = createServer((request, response) => {
      paths.add(request.url ?? '')
      request.resume().on('end', () => response.end())
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    defer(t, () => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${given}`
    const { hive } = tempHive(t, { otlp: { url }, otlpLogs: { url } })
    hive.spawn({ agentId: 'a', name: 'a' }).end()
    await hive.shutdown()
    assert.deepEqual([...paths].sort(), [...expected])
  })
}
