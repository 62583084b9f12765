/** The table of rules: each finds what it says, wherever that stands, and leaves what looks alike. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redactor } from '../../src/redact/redact.js'
import { RULES } from '../../src/redact/secret-rules.js'
import { fill } from '../kit/secrets.js'

const redactor = new Redactor()

const PLACES: Readonly<Record<string, (text: string) => string>> = {
  bare: (text) => text,
  'JSON value': (text) => JSON.stringify({ id: 7, note: text, tags: ['a'] }),
  header: (text) => `GET / HTTP/1.1\nHost: example.com\nX-Note: ${text}\nAccept: */*`,
  'URL query': (text) => `https://example.com/search?page=2&q=${encodeURIComponent(text)}&lang=en`,
}

/** Whether a piece of the secret long enough to be of use is still there, as it was or encoded. */
function leaks(text: string, secret: string): boolean {
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)].some((form) => {
    const size = Math.min(12, form.length)
    for (let i = 0; i + size <= form.length; i++) if (text.includes(form.slice(i, i + size))) return true
    return false
  })
}

test('every rule says what it is, where that is documented, and how it looks', () => {
  assert.ok(RULES.length >= 120, `${RULES.length} rules`)
  assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length, 'every id once')
  for (const rule of RULES) {
    assert.match(rule.id, /^[a-z0-9-]{3,40}$/)
    assert.ok(rule.what.length >= 8, rule.id)
    assert.match(rule.doc, /^https:\/\/[\w.-]+\/?/, rule.id)
    assert.ok(rule.shapes.length > 0 && rule.like.length > 0 && rule.unlike.length > 0, rule.id)
    for (const template of rule.like)
      assert.ok(fill(template, '').secrets.length > 0, `${rule.id}: ${template}`)
  }
})

for (const rule of RULES) {
  test(`rule: ${rule.id}`, () => {
    for (const template of rule.like) {
      for (const seed of ['first', 'second', 'third']) {
        const { text, secrets } = fill(template, seed)
        for (const [place, put] of Object.entries(PLACES)) {
          const redacted = redactor.string(put(text))
          for (const secret of secrets)
            assert.ok(!leaks(redacted, secret), `${place}: ${put(text)} -> ${redacted}`)
          assert.match(redacted, /\[redacted:[a-z0-9-]+\]/)
          assert.equal(redactor.string(redacted), redacted)
        }
      }
    }
    for (const template of rule.unlike) {
      const { text } = fill(template, 'look-alike')
      for (const [place, put] of Object.entries(PLACES)) {
        if (place === 'URL query') continue
        assert.equal(redactor.string(put(text)), put(text), place)
      }
    }
  })
}
