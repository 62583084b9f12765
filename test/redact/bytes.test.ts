/** Snapshots given as bytes: text in them is redacted, everything else is stored as it is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { Redactor } from '../../src/redact/redact.js'
import { tempHive } from '../kit/hive-support.js'
import { SECRETS } from '../kit/secrets.js'

const redactor = new Redactor()
const TEXT = 'user=ana\npassword=hunter2\nhost=db\n'
const MASKED = 'user=ana\npassword=[redacted:password]\nhost=db\n'

test('a snapshot of bytes holds no secret', async (t) => {
  const { hive, file } = tempHive(t, { otlp: false })
  const agent = hive.spawn({ agentId: 'coder' })
  const kinds: [string, Uint8Array][] = [
    ['Buffer', Buffer.from(TEXT)],
    ['Uint8Array', new TextEncoder().encode(TEXT)],
    ['part of a larger one', Buffer.from(`xx${TEXT}yy`).subarray(2, -2)],
  ]
  const stored = kinds.map(([, content]) => agent.snapshot({ content }))
  const all = agent.snapshot({ content: Buffer.from(SECRETS.map(({ text }) => text).join('\n\n')) })
  const picture = Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'),
    gzipSync(Buffer.alloc(9999, TEXT)),
  ])
  const kept = agent.snapshot({ content: picture })
  await hive.shutdown()
  const read = (ref: string): Buffer => readFileSync(`${file}.artifacts/${ref.slice(0, 2)}/${ref}`)
  for (const [i, { ref, bytes }] of stored.entries()) {
    assert.equal(read(ref).toString(), MASKED, kinds[i]?.[0])
    assert.equal(bytes, Buffer.byteLength(MASKED))
  }
  const text = read(all.ref).toString()
  for (const { shape, secret } of SECRETS) assert.ok(!text.includes(secret), shape)
  assert.deepEqual(read(kept.ref), picture)
})

test('every encoding of text is told, and nothing around a secret changes', () => {
  const odd = 'Größe 密码 🐝\tpassword=hunter2\r\nEnde'
  const cases: [string, Buffer, Buffer][] = [
    ['UTF-8', Buffer.from(odd), Buffer.from(odd.replace('hunter2', '[redacted:password]'))],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`), Buffer.from(`\ufeff${MASKED}`)],
    ['UTF-16', Buffer.from(`\ufeff${TEXT}`, 'utf16le'), Buffer.from(`\ufeff${MASKED}`, 'utf16le')],
    ['Latin 1', Buffer.from(`Größe ${TEXT}`, 'latin1'), Buffer.from(`Größe ${MASKED}`, 'latin1')],
    [
      'UTF-8 cut in a character',
      Buffer.from(`${TEXT}🐝`).subarray(0, -2),
      Buffer.concat([Buffer.from(MASKED), Buffer.from('🐝').subarray(0, 2)]),
    ],
    [
      'an environment',
      Buffer.from('PATH=/usr/local/bin:/usr/bin\0DB_PASSWORD=hunter2\0HOME=/home/ana\0'),
      Buffer.from('PATH=/usr/local/bin:/usr/bin\0DB_PASSWORD=[redacted:password]\0HOME=/home/ana\0'),
    ],
    [
      'terminal colours',
      Buffer.from('\x1b[32mpassword=\x1b[0mx password=hunter2'),
      Buffer.from('\x1b[32mpassword=\x1b[0mx password=[redacted:password]'),
    ],
  ]
  for (const [name, given, expected] of cases)
    assert.deepEqual(Buffer.from(redactor.bytes(given)), expected, name)
})

test('bytes without a secret, and bytes that are no text, come back as the very same', () => {
  const noise = deflateRawSync(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 31) % 251)))
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('nothing here'),
    Buffer.from([0xff, 0xfe]),
    Buffer.alloc(1024),
    noise,
    gzipSync(TEXT),
    Buffer.concat([Buffer.alloc(512), Buffer.from(TEXT), Buffer.alloc(512)]),
    new Uint8Array([0, 1, 2, 3]),
  ]) {
    assert.equal(redactor.bytes(bytes), bytes)
  }
})
