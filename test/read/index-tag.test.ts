/** Tags of bytes: by their key, their nonce and all of the bytes, however these come. */
import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { TAG_DIGITS, Tag, tagKey } from '../../src/read/side-index/tag.js'
import { cases, seedOfRun } from '../kit/long-run.js'

const key = randomBytes(32)

function tagOf(by: Buffer, ...pieces: Uint8Array[]): string {
  const tag = new Tag(by)
  for (const piece of pieces) tag.add(Buffer.from(piece))
  return tag.end()
}

function is(tag: string, by: Buffer, ...pieces: Uint8Array[]): boolean {
  const other = Tag.like(tag, by)
  for (const piece of pieces) other.add(Buffer.from(piece))
  return other.is(tag)
}

test('a tag is the GMAC of the bytes, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (pieces) => {
      const tag = tagOf(key, ...pieces)
      assert.equal(tag.length, TAG_DIGITS)
      const nonce = Buffer.from(tag.slice(0, 24), 'hex')
      const gcm = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.concat(pieces))
      gcm.final()
      assert.equal(tag.slice(24), gcm.getAuthTag().toString('hex'))
      assert.ok(is(tag, key, Buffer.concat(pieces)))
    }),
    { numRuns: cases(1000, 100), seed: seedOfRun() },
  )
})

test('other bytes, another order, another key, a changed tag: it is not the one', () => {
  const bytes = randomBytes(1000)
  const tag = tagOf(key, bytes)
  for (const at of [0, 500, 999]) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 1
    assert.equal(is(tag, key, changed), false)
  }
  assert.equal(is(tag, key, bytes.subarray(1)), false)
  assert.equal(is(tag, key, bytes, Buffer.of(0)), false)
  assert.equal(is(tag, key, bytes.subarray(500), bytes.subarray(0, 500)), false)
  assert.equal(is(tag, randomBytes(32), bytes), false)
  assert.equal(is(tag, tagKey(key), bytes), false)
  for (const at of [3, 30]) {
    const other = `${tag.slice(0, at)}${tag[at] === '0' ? '1' : '0'}${tag.slice(at + 1)}`
    assert.equal(is(other, key, bytes), false)
  }
  assert.equal(is(tag, key, bytes), true)
})

test('no two tags have one nonce', () => {
  const nonces = Array.from({ length: 1000 }, () => tagOf(key, Buffer.of(1)).slice(0, 24))
  assert.equal(new Set(nonces).size, 1000)
})
