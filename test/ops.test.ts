import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'

const root = process.cwd()
const temporary = mkdtempSync(join(tmpdir(), 'hivelog-'))
after(() => rmSync(temporary, { recursive: true }))

function checkOps(at: string) {
  return spawnSync(process.execPath, [join(root, 'scripts/check-ops.mjs'), at], { encoding: 'utf8' })
}

test('the compose file, the collector config and the pinned versions agree', () => {
  const run = checkOps(root)
  assert.equal(run.stderr, '')
  assert.equal(run.status, 0)
})

const compose = 'docker-compose.yml'
const faults: { name: string; file: string; from: string | RegExp; to: string; says: RegExp }[] = [
  {
    name: 'a floating tag',
    file: compose,
    from: /(jaeger:)\d\S*/,
    to: '$1latest',
    says: /image '.*:latest': expected/,
  },
  {
    name: 'another version',
    file: compose,
    from: /(contrib:)\d\S*/,
    to: '$10.1.2',
    says: /contrib:0\.1\.2'/,
  },
  { name: 'no image', file: compose, from: / {4}image: otel.*\n/, to: '', says: /'collector' without image/ },
  {
    name: 'every interface',
    file: compose,
    from: '- 127.0.0.1:4318',
    to: '- 4318',
    says: /port '4318:4318'/,
  },
  { name: 'a moved port', file: compose, from: '4328:4328', to: '4399:4399', says: /listens on 4399/ },
  {
    name: 'the host network',
    file: compose,
    from: 'read_only: true',
    to: 'network_mode: host',
    says: /network_mode/,
  },
  {
    name: 'a component of another version',
    file: 'collector-config/builder.yaml',
    from: /(otlpreceiver v)\S+/,
    to: '$10.1.2',
    says: /builder\.yaml:\d+: 0\.1\.2 is not OTELCOL_VERSION=/,
  },
  {
    name: 'a version that is not one',
    file: 'scripts/backends.env',
    from: /JAEGER_VERSION=\S+/,
    to: 'JAEGER_VERSION=latest',
    says: /backends\.env:\d+: 'JAEGER_VERSION=latest' is not NAME=x\.y\.z/,
  },
]

for (const { name, file, from, to, says } of faults) {
  test(`the check finds ${name}`, () => {
    const copy = mkdtempSync(join(temporary, 'copy-'))
    for (const part of [compose, 'collector-config', 'scripts/backends.env']) {
      cpSync(join(root, part), join(copy, part), { recursive: true })
    }
    const whole = readFileSync(join(copy, file), 'utf8')
    const broken = whole.replace(from, to)
    assert.notEqual(broken, whole)
    writeFileSync(join(copy, file), broken)
    const run = checkOps(copy)
    assert.match(run.stderr, says)
    assert.equal(run.status, 1)
  })
}

// A PATH with what the script needs, and without Go wherever that is installed.
function pathWithoutGo(): string {
  const bin = join(temporary, 'bin')
  if (existsSync(bin)) return bin
  mkdirSync(bin)
  const folders = (process.env.PATH ?? '').split(delimiter)
  for (const tool of ['bash', 'cksum', 'cut', 'dirname', 'mkdir', 'mktemp', 'rm']) {
    const folder = folders.find((candidate) => existsSync(join(candidate, tool)))
    assert.ok(folder, `${tool} is not installed`)
    symlinkSync(join(folder, tool), join(bin, tool))
  }
  return bin
}

function backends(cache: string, ...args: string[]) {
  return spawnSync('bash', [join(root, 'scripts/backends.sh'), ...args], {
    encoding: 'utf8',
    env: { PATH: pathWithoutGo(), HIVELOG_CACHE: cache },
  })
}

test('backends.sh without Go says so in one line and exits 3', () => {
  const run = backends(join(temporary, 'empty'))
  assert.equal(run.stdout, '')
  assert.match(run.stderr, /^backends: Go is not installed .*\n$/)
  assert.equal(run.status, 3)
})

test('backends.sh takes a cached build, without Go', () => {
  const cache = mkdtempSync(join(temporary, 'cache-'))
  const [, version] =
    /^JAEGER_VERSION=(.+)$/m.exec(readFileSync(join(root, 'scripts/backends.env'), 'utf8')) ?? []
  const binary = join(cache, `jaeger-${version}`)
  writeFileSync(binary, '', { mode: 0o755 })
  const run = backends(cache, 'jaeger')
  assert.equal(run.stderr, '')
  assert.equal(run.stdout, `${binary}\n`)
  assert.equal(run.status, 0)
})

test('backends.sh refuses what it does not know', () => {
  const run = backends(join(temporary, 'empty'), 'zipkin')
  assert.match(run.stderr, /^usage: /)
  assert.equal(run.status, 2)
})
