import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Redactor, SECRET_KEY_MASK } from '../../src/redact/redact.js'
import { anyText } from '../kit/any-text.js'
import { cases } from '../kit/long-run.js'
import { LOOK_ALIKES, SECRETS } from '../kit/secrets.js'

const redactor = new Redactor()
const SENTENCE = ['Ana wrote ', ' into the notes, then left'] as const
const inSentence = (text: string): string => SENTENCE.join(text)
const inJson = (text: string): string => JSON.stringify({ note: text, seq: 12, tags: ['a', 'b'] })

/** What stands around a text, or how it is encoded; `null` where a text of its kind cannot stand. */
const WRAPPINGS: Readonly<Record<string, (text: string) => string | null>> = {
  raw: (text) => text,
  sentence: inSentence,
  JSON: inJson,
  'JSON in JSON': (text) => inJson(inJson(text)),
  header: (text) => (text.includes('\n') ? null : `GET / HTTP/1.1\r\nX-Note: ${text}\r\nAccept: */*\r\n`),
  URL: (text) => `https://example.com/a?page=2&q=${encodeURIComponent(text)}&lang=en`,
  'form field': (text) => `page=2&${new URLSearchParams({ q: text })}&lang=en`,
  YAML: (text) => `steps:\n  - run: |\n${text.replace(/^/gm, '      ')}\n    name: a\n`,
  'URL-encoded': (text) => encodeURIComponent(`{"note":"${text}"}`),
  'URL-encoded twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => `state=${Buffer.from(inSentence(text)).toString('base64url')}`,
  'base64 of JSON': (text) => `{"blob":"${Buffer.from(inJson(text)).toString('base64')}"}`,
  'base64, folded': (text) =>
    (
      Buffer.from(inSentence(text))
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    ).join('\n'),
  'base64 twice': (text) => Buffer.from(Buffer.from(inSentence(text)).toString('base64')).toString('base64'),
}

/** The same piece of a text, in every form that a reader could turn back at a glance. */
function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1)
  const once = encodeURIComponent(secret)
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    once,
    encodeURIComponent(once),
    encodeURIComponent(json),
  ]
}

/** Whether a piece of the secret long enough to be of use is left, in any form or in base64. */
function leaks(text: string, secret: string): boolean {
  const runs = (text.replace(/\n/g, '').match(/[\w+/-]{8,}={0,2}/g) ?? []).map((run) =>
    Buffer.from(run, 'base64').toString('latin1'),
  )
  const texts = [text, ...runs, ...runs.map((run) => Buffer.from(run, 'base64').toString('latin1'))]
  return formsOf(secret).some((form) => {
    const size = Math.min(12, form.length)
    for (let i = 0; i + size <= form.length; i++) {
      const piece = form.slice(i, i + size)
      if (texts.some((each) => each.includes(piece))) return true
    }
    return false
  })
}

test('the tables are as broad as promised', () => {
  assert.ok(SECRETS.length >= 160, `${SECRETS.length} secrets`)
  assert.ok(LOOK_ALIKES.length >= 150, `${LOOK_ALIKES.length} look-alikes`)
  for (const { shape, text, secret } of SECRETS) assert.ok(text.includes(secret) && secret !== '', shape)
  assert.equal(new Set(SECRETS.map(({ shape }) => shape)).size, SECRETS.length)
})

for (const { shape, text, secret } of SECRETS) {
  test(`secret: ${shape}`, () => {
    const alone = redactor.string(text)
    assert.ok(!alone.includes(secret), alone)
    assert.match(alone, /\[redacted:[a-z0-9-]+\]/)

    if (!text.includes('\n')) {
      const sentence = redactor.string(inSentence(text))
      assert.ok(!sentence.includes(secret), sentence)
      assert.ok(sentence.startsWith(SENTENCE[0]) && sentence.endsWith(SENTENCE[1]), sentence)
    }

    let json = text
    let hidden = secret
    for (const depth of [1, 2]) {
      json = inJson(json)
      hidden = JSON.stringify(hidden).slice(1, -1)
      const redacted = redactor.string(json)
      assert.ok(!redacted.includes(hidden), `depth ${depth}: ${redacted}`)
      assert.equal(JSON.parse(redacted).seq, 12)
    }
  })
}

for (const [name, wrap] of Object.entries(WRAPPINGS)) {
  test(`every secret is masked: ${name}, as text and as bytes`, () => {
    const passed: string[] = []
    for (const { shape, text, secret } of SECRETS) {
      const wrapped = wrap(text)
      // Four times encoded is too deep.
      if (wrapped === null || (name === 'base64 twice' && shape === name)) continue
      const redacted = redactor.string(wrapped)
      if (leaks(redacted, secret)) passed.push(`${shape}: ${wrapped} -> ${redacted}`)
      assert.equal(Buffer.from(redactor.bytes(Buffer.from(wrapped))).toString(), redacted)
    }
    assert.deepEqual(passed, [], `${passed.length} of ${SECRETS.length} passed`)
  })
}

test('look-alikes come back as the very same string', () => {
  for (const text of LOOK_ALIKES) {
    for (const place of [text, inSentence(text), inJson(text), inJson(inJson(text)), `${text}\n${text}\n`]) {
      assert.equal(redactor.string(place), place)
    }
    for (const wrap of Object.values(WRAPPINGS)) {
      const place = wrap(text)
      if (place === null) continue
      assert.equal(redactor.string(place), place)
      const bytes = Buffer.from(place)
      assert.equal(redactor.bytes(bytes), bytes)
    }
  }
})

test('what surrounds a secret stays', () => {
  const token = ['ghp_', 'a1B2c3D4e5'.repeat(4)].join('')
  const cases: [string, string][] = [
    ['password=hunter2', 'password=[redacted:password]'],
    ['{"password":"hunter2"}', '{"password":"[redacted:password]"}'],
    ['{"password":90210777}', '{"password":"[redacted:password]"}'],
    ['Authorization: Bearer abc123def456', 'Authorization: Bearer [redacted:authorization]'],
    ['postgres://user:hunter2@host/db', 'postgres://user:[redacted:url-password]@host/db'],
    ['psql --password hunter2 -h db', 'psql --password [redacted:password] -h db'],
    ['GET /?token=abc123def&page=2', 'GET /?token=[redacted:token]&page=2'],
    ['Set-Cookie: sid=abc123; Path=/', 'Set-Cookie: sid=[redacted:cookie]; Path=/'],
    [`pushed with ${token}.`, 'pushed with [redacted:github-token].'],
    [`${token},${token}`, '[redacted:github-token],[redacted:github-token]'],
  ]
  for (const [text, expected] of cases) assert.equal(redactor.string(text), expected)
})

test('several secrets in one long text are all found', () => {
  const filler = 'The planner asked the coder to look at the build. '.repeat(170)
  const redacted = redactor.string(SECRETS.map(({ text }) => `${filler}\n${text}\n`).join(''))
  for (const { shape, secret } of SECRETS) assert.ok(!redacted.includes(secret), shape)
})

test('a secret is found wherever it stands relative to the chunks of a long text', () => {
  const token = ['ghp_', 'a1B2c3D4e5'.repeat(4)].join('')
  for (let before = 8192 - 60; before <= 8192 + 8; before++) {
    const text = `${' '.repeat(before)}${token} and password=hunter2`
    assert.equal(
      redactor.string(text),
      `${' '.repeat(before)}[redacted:github-token] and password=[redacted:password]`,
    )
  }
})

const piece = fc.oneof(
  fc.constantFrom(...SECRETS.map(({ text }) => text)),
  fc.constantFrom(...LOOK_ALIKES),
  fc.constantFrom(
    'password',
    'token',
    'api_key',
    'Bearer',
    'Basic',
    'Cookie',
    'authorization',
    '--token',
    'value',
  ),
  fc.constantFrom(
    '=',
    ':',
    ': ',
    ' ',
    '"',
    '\\"',
    "'",
    '@',
    '://',
    '&',
    ',',
    ';',
    '\n',
    '\\n',
    '[',
    ']',
    '-',
    '_',
    '.',
  ),
  fc.constantFrom(
    '[redacted:password]',
    '[redacted:jwt]',
    '[redacted:',
    'redacted',
    'eyJ',
    'sk-',
    'AKIA',
    '-----BEGIN ',
  ),
  fc.constantFrom(
    '|',
    '\t',
    '(',
    ', ',
    '>-',
    '\n  ',
    '%3D',
    '%22',
    '%',
    '+',
    '{',
    '}',
    '&',
    '?',
    '</td><td>',
    '"'.repeat(3),
  ),
  fc.constantFrom(...SECRETS.map(({ text }) => Buffer.from(text).toString('base64'))),
  fc.constantFrom(...SECRETS.map(({ text }) => encodeURIComponent(text))),
  fc.constantFrom(...SECRETS.map(({ text }) => JSON.stringify(text))),
  fc.constantFrom(
    'Authorization: ',
    'SSWS ',
    'X-Hive-Key: ',
    'setPassword',
    'name',
    'AKIAIOSFODNN7EXAMPLE',
    'a1B2c3D4e5F6',
  ),
  anyText({ maxLength: 12 }),
)
const mixture = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(''))

test('redacting again changes nothing', () => {
  const own = new Redactor({
    keys: ['ssn'],
    patterns: [/ACME-\d+/, { name: 'word', pattern: /\bhunter\w*/i }],
  })
  fc.assert(
    fc.property(mixture, (text) => {
      for (const each of [redactor, own]) {
        const once = each.string(text)
        assert.equal(each.string(once), once)
        assert.ok(once.length <= 8 * text.length + 64, 'not much longer')
      }
    }),
    { numRuns: cases(3000, 350) },
  )
})

test('text without ASCII punctuation, digits or marks is never touched, surrogates included', () => {
  const letters = fc.string({
    unit: fc.constantFrom('ä', '密', '🐝', '\ud83d', '\udc1d', ' ', 'é', '\u2028', 'Ж'),
    maxLength: 200,
  })
  fc.assert(fc.property(letters, (text) => redactor.string(text) === text))
  assert.equal(redactor.string('🐝 password=hunter2 🐝\ud83d'), '🐝 password=[redacted:password] 🐝\ud83d')
})

test('masks are never taken for secrets', () => {
  for (const text of [
    'password=[redacted:password]',
    '{"password":"[redacted:password]"}',
    'Authorization: Bearer [redacted:authorization]',
    'postgres://password:[redacted:url-password]@host',
    '[redacted:api-key]=hunter2 stays, as no name stands before it',
    `password: ${SECRET_KEY_MASK}`,
  ]) {
    assert.equal(redactor.string(text), text)
  }
})

test('names of secret fields', () => {
  const secret =
    'password Password dbPassword DB_PASSWORD passwd pwd passphrase secret client_secret clientSecret api_key apiKey ' +
    'api-key X-Api-Key openaiApiKey token access_token refreshToken GITHUB_TOKEN authorization Proxy-Authorization ' +
    'cookie Set-Cookie credentials privateKey awsSecretAccessKey aws_session_token jwt passwords secrets ' +
    'http.request.header.authorization'
  for (const name of secret.split(' ')) assert.equal(redactor.isSecretKey(name), true, name)
  const plain =
    'tokens inputTokens max_tokens tokenCount token_type nextPageToken key monkey primaryKey public_key cacheKey author ' +
    'session sessionId id name subject passport compass bypass keyboard cookieConsent secretName hasPassword auth ' +
    'trace span seq sig sha256 ref host path from to act note by model'
  for (const name of plain.split(' ')) assert.equal(redactor.isSecretKey(name), false, name)
})

test('names of one’s own: any case, `_` and `-` ignored, in fields and in pairs', () => {
  const own = new Redactor({ keys: ['social-security_number', 'x'] })
  for (const name of ['socialSecurityNumber', 'SOCIAL_SECURITY_NUMBER', 'social-security-number', 'X']) {
    assert.equal(own.isSecretKey(name), true, name)
  }
  assert.equal(own.isSecretKey('mySocialSecurityNumber'), false)
  assert.equal(own.isSecretKey('password'), true)
  assert.equal(own.string('{"socialSecurityNumber":"078-05"}'), '{"socialSecurityNumber":"[redacted:key]"}')
  assert.equal(own.string('social_security_number=078-05'), 'social_security_number=[redacted:key]')
  assert.equal(own.string('x=1, y=2'), 'x=[redacted:key], y=2')
})

test('patterns of one’s own', () => {
  const own = new Redactor({ patterns: [/ACME-\d+/, { name: 'badge no', pattern: /#\d{4}\b/ }] })
  assert.equal(
    own.string('ACME-1 and ACME-22, #1234'),
    '[redacted:custom] and [redacted:custom], [redacted:badge-no]',
  )
  assert.equal(own.string('password=hunter2 ACME-3'), 'password=[redacted:password] [redacted:custom]')
  const clean = 'nothing here, really nothing'
  assert.equal(own.string(clean), clean)
})

test('a sticky or stateful pattern finds every match, call after call, and is itself left alone', () => {
  const sticky = /\d{3}/y
  const global = /[A-Z]{3}/g
  sticky.lastIndex = 2
  global.lastIndex = 7
  const own = new Redactor({ patterns: [sticky, global], builtin: false })
  for (let i = 0; i < 3; i++)
    assert.equal(own.string('ab 123 ABC 456'), 'ab [redacted:custom] [redacted:custom] [redacted:custom]')
  assert.deepEqual([sticky.lastIndex, global.lastIndex], [2, 7])
})

test('a pattern that fits a mask leaves it; one that reaches beyond takes the whole of it', () => {
  const all = new Redactor({ patterns: [/[a-z]+/] })
  assert.equal(all.string('password=hunter2'), '[redacted:custom]=[redacted:password]')
  const across = new Redactor({ patterns: [/password\] and \w+/] })
  assert.equal(across.string('password=hunter2 and more'), 'password=[redacted:custom]')
  const empty = new Redactor({ patterns: [/x*/] })
  assert.equal(empty.string('axxb'), 'a[redacted:custom]b')
})

test('without the built-in shapes only one’s own count', () => {
  const bare = new Redactor({ builtin: false })
  for (const { text } of SECRETS) assert.equal(bare.string(text), text)
  assert.equal(bare.isSecretKey('password'), false)
  const own = new Redactor({ builtin: false, keys: ['ssn'], patterns: [/hive-\d/] })
  assert.equal(
    own.string('ssn=1, password=hunter2, hive-7'),
    'ssn=[redacted:key], password=hunter2, [redacted:custom]',
  )
  assert.deepEqual([own.isSecretKey('SSN'), own.isSecretKey('token')], [true, false])
})

/** What makes shapes begin, over and over. */
const PIECES = [
  ...[
    'a',
    '=',
    ':',
    '-',
    '.',
    '"',
    '\\',
    '\\"',
    '[',
    ' ',
    '://',
    '://a:',
    'a@',
    'eyJ',
    'eyJ-',
    'eyJ.',
    'AIza-',
    'sk-',
    'SG.',
  ],
  ...[
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    '-----END ',
    'Bearer ',
    'bearer%20',
    'Basic ',
    'cookie: a=b; ',
  ],
  ...[
    'password=',
    'password=$',
    'password=a(',
    'password="',
    'password=\\"',
    '"password":"must ',
    'password=/',
    'api_key=/',
  ],
  ...[
    'token=[',
    'password=xxxx',
    'password=a,',
    'authorization: basic+',
    '"authorization":"digest x=1"',
    '--token ',
    'value:',
  ],
  ...[
    '[redacted:',
    '[redacted:x]=',
    '<password>',
    '1:',
    'MTaa',
    ' -u a:',
    'login a password ',
    '%3D',
    'x://u:p?#',
  ],
  ...[
    '--token :',
    'Authorization:',
    'Authorization: A b1',
    'authorization: X-y abc ',
    'X_KEY=',
    'X-Hive-Key: ',
  ],
  ...[
    'password: |\n',
    'password: |\n  ',
    'password:\n',
    'password = """',
    "password='''''",
    'password\t',
    'password|',
  ],
  ...[
    '| password | ',
    'password</td><td>',
    'setPassword("',
    'setPassword(',
    '"password",',
    '["password","a1b2c3"',
  ],
  ...['"value":"', '"value":"x","name":"', '{"name":"password","value":"', '?key=', '&key=a1b2c3d4e5f6g7'],
  ...[
    '%',
    '%25',
    '%22password%22%3A%22',
    'q=a+',
    '\\n',
    '\\u0041',
    'YWJjZGVm ',
    'cGFzc3dvcmQ9aHVudGVyMg==',
    'aB1-',
    'aB1/',
  ],
  ...[
    'https://a:b/',
    'https://a@',
    'PWD={',
    '$2b$',
    '$argon2id$',
    ' -p a',
    'mysql -p',
    'AKIAIOSFODNN7EXAMPLE ',
    '1-',
    '12:AA',
  ],
]
const fillWith = (unit: string, length: number): string =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length)

test('hostile texts take time in proportion to their length', () => {
  // Of the processor: what else the machine does counts little.
  const run = (text: string): number => {
    const before = process.cpuUsage()
    redactor.string(text)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  for (const unit of PIECES) {
    run(fillWith(unit, 8 * 1024))
    const part = run(fillWith(unit, 16 * 1024))
    const whole = run(fillWith(unit, 128 * 1024))
    // Eight times the text; quadratic would be 64 times, and seconds.
    assert.ok(whole < 16 * part + 400, `${JSON.stringify(unit)}: ${part} ms, then ${whole} ms`)
  }
})

test('hostile texts come out the same when redacted again, and not much longer', () => {
  for (const unit of PIECES) {
    for (const end of ['', 'a', 'a1b2c3', '"', '\n', '\\']) {
      const text = `${fillWith(unit, 300)}${end}`
      const once = redactor.string(text)
      assert.equal(redactor.string(once), once, text)
      assert.ok(once.length <= 6 * text.length + 64, text)
    }
  }
})
