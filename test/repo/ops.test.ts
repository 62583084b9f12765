import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
    name: 'a Kafka of another version',
    file: compose,
    from: /(apache\/kafka:)\S+/,
    to: '$10.1.2',
    says: /image 'apache\/kafka:0\.1\.2': expected 'apache\/kafka:/,
  },
  {
    name: 'a Cassandra without an exact version',
    file: compose,
    from: /(cassandra:)\d\S+/,
    to: '$15',
    says: /image 'cassandra:5': expected/,
  },
  {
    name: 'a service that is no part of the plan',
    file: compose,
    from: '\nvolumes:\n',
    to: '\n  zipkin:\n    image: openzipkin/zipkin:3.4.0\n\nvolumes:\n',
    says: /'openzipkin\/zipkin:3\.4\.0': expected 'no such service'/,
  },
  {
    name: 'no memory limit',
    file: compose,
    from: / {4}mem_limit: 2560m\n/,
    to: '',
    says: /service 'cassandra' without mem_limit/,
  },
  {
    name: 'no health check',
    file: compose,
    from: / {4}healthcheck:\n( {6}.*\n)+/,
    to: '',
    says: /service 'jaeger' without healthcheck/,
  },
  {
    name: 'one port for two services',
    file: compose,
    from: /4347/g,
    to: '4337',
    says: /port '127\.0\.0\.1:4337:4337' is gateway-1's/,
  },
  {
    name: 'a port that the environment moved',
    file: compose,
    from: 'JAEGER_QUERY_PORT: 16696',
    to: 'JAEGER_QUERY_PORT: 16697',
    says: /nothing in jaeger-scale\.yaml listens on 16696/,
  },
  {
    name: 'a setting that nothing reads',
    file: compose,
    from: 'KAFKA_BROKERS',
    to: 'KAFKA_BROKER',
    says: /KAFKA_BROKER is set, and kafka\.yaml does not read it/,
  },
  {
    name: 'a component that is not built',
    file: 'collector-config/builder.yaml',
    from: /.*\/kafkareceiver v.*\n/,
    to: '',
    says: /kafka-to-jaeger\.yaml:\d+: receivers has 'kafka', which builder\.yaml does not build/,
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
    from: /^JAEGER_VERSION=\S+/m,
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

const configs = readdirSync(join(root, 'collector-config'))
  .filter((file) => file.endsWith('.yaml') && file !== 'builder.yaml')
  .map((file) => ({ file, text: readFileSync(join(root, 'collector-config', file), 'utf8') }))

for (const { file, text } of configs) {
  test(`${file} gives a reason for each option`, () => {
    let options = 0
    for (const [at, line] of text.split('\n').entries()) {
      if (/^\s*#/.test(line)) options = 0
      // Three under one comment at most, such as a policy's name, type and value.
      else if (/^\s*(- )?[\w/]+: \S/.test(line)) options++
      assert.ok(options <= 3, `${file}:${at + 1}: ${line.trim()}`)
    }
  })

  test(`${file} listens where the environment says, on loopback by default`, () => {
    for (const line of text.split('\n')) {
      const [, key, value = ''] = /^\s*(endpoint|host): (.*)$/.exec(line) ?? []
      if (key === undefined) continue
      assert.match(value, /^\$\{env:\w+:-127\.0\.0\.1(:\d+)?\}/, line)
    }
  })
}

// Those that stand in front of something that can be away.
for (const name of ['local', 'agent', 'gateway', 'kafka', 'tail-sampling']) {
  test(`${name}.yaml keeps on disk what it has accepted, and never gives up`, () => {
    const text = configs.find(({ file }) => file === `${name}.yaml`)?.text ?? ''
    assert.match(text, /^ +storage: file_storage$/m)
    assert.match(text, /^ +fsync: true$/m)
    assert.match(text, /^ +max_elapsed_time: 0$/m)
    assert.match(text, /^ +processors: \[memory_limiter/m)
    assert.doesNotMatch(text, /^ +batch:$\n^ +(timeout|send_batch)/m)
  })
}

test('a consumer of Kafka commits what the storage has, and nothing else', () => {
  const text = configs.find(({ file }) => file === 'kafka-to-jaeger.yaml')?.text ?? ''
  assert.match(text, /^ {6}after: true$/m)
  assert.match(text, /^ {6}on_error: false$/m)
  assert.match(text, /^ +sending_queue:\n(?: +#.*\n)+ +enabled: false$/m)
  assert.doesNotMatch(text, /storage: file_storage/)
})

test('the sampler remembers what it keeps, and not what it has let go', () => {
  const text = configs.find(({ file }) => file === 'tail-sampling.yaml')?.text ?? ''
  assert.match(text, /^ +sampling_strategy: span-ingest$/m)
  assert.match(text, /^ +sampled_cache_size: [1-9]\d*$/m)
  assert.match(text, /^ +non_sampled_cache_size: 0$/m)
  assert.match(text, /^ {6}block_on_overflow: true$/m)
})

test('no hop sends more at once than the next one takes', () => {
  const text = (name: string) => configs.find(({ file }) => file === `${name}.yaml`)?.text ?? ''
  const number = (name: string, option: string) =>
    Number(new RegExp(`^ +${option}: (\\d+)$`, 'm').exec(text(name))?.[1])
  const MIB = 2 ** 20
  for (const receiver of ['local', 'agent', 'gateway', 'kafka', 'tail-sampling', 'jaeger', 'jaeger-scale']) {
    const mib = number(receiver, 'max_recv_msg_size_mib')
    assert.equal(number(receiver, 'max_request_body_size'), mib * MIB, receiver)
  }
  for (const next of ['gateway', 'kafka', 'tail-sampling']) {
    assert.ok(lastSize('agent') <= number(next, 'max_recv_msg_size_mib') * MIB, next)
    assert.ok(
      lastSize(next) >= number('agent', 'max_recv_msg_size_mib') * MIB,
      `a span that the agent took, in ${next}`,
    )
  }
  for (const before of ['gateway', 'tail-sampling']) {
    assert.ok(lastSize(before) <= number('jaeger', 'max_recv_msg_size_mib') * MIB, before)
  }
  assert.ok(lastSize('kafka') < number('kafka', 'max_message_bytes'))
  const broker = readFileSync(join(root, 'scripts/kafka/server.properties'), 'utf8')
  assert.match(broker, new RegExp(`^message\\.max\\.bytes=${number('kafka', 'max_message_bytes')}$`, 'm'))
  assert.match(
    readFileSync(join(root, compose), 'utf8'),
    new RegExp(`KAFKA_MESSAGE_MAX_BYTES: ${number('kafka', 'max_message_bytes')}`),
  )

  // The batch's; file_storage has a max_size too, further up.
  function lastSize(name: string): number {
    return Number([...text(name).matchAll(/^ {8}max_size: (\d+)$/gm)].at(-1)?.[1])
  }
})

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
