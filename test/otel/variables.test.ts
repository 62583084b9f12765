/** A variable of OpenTelemetry's that is wrong is told on stderr where the application has no diag logger, else to that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { door } from '../kit/doors.js'
import { runNode, tempFolder, tempReceiver } from '../kit/hive-support.js'
import { isInTurn } from '../kit/long-run.js'

/** Records an agent; with a logger of its own first, if it is told to. Its own words are on stdout. */
const PROGRAM = `
import { diag, DiagLogLevel } from '@opentelemetry/api'
const say = (...words) => console.log('told: ' + words.join(' '))
const logger = { error: say, warn: say, info: say, debug() {}, verbose() {} }
if (process.env.OWN_LOGGER) diag.setLogger(logger, DiagLogLevel.ALL)
const { startHive } = await import(process.env.DOOR)
const hive = startHive({ file: process.env.FILE })
if (!process.env.OWN_LOGGER) console.log('free: ' + diag.setLogger(logger, DiagLogLevel.WARN))
hive.spawn({ agentId: 'a' }).end()
await hive.shutdown()
`

/** What is wrong, and what must be in the one line that tells it, but for the value where that may be a secret. */
const WRONG: [string, string, RegExp, string?][] = [
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'br', /'br'/],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', 'soon', /'soon'/],
  ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', '-5', /-5/],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'nowhere', /'nowhere'/],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/not/there.pem', /root certificate/],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=b,s3cret', /OTEL_EXPORTER_OTLP_HEADERS: entry 2 /, 's3cret'],
  ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', '=s3cret', /OTEL_EXPORTER_OTLP_TRACES_HEADERS: entry 1 /, 's3cret'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=%s3cret', /entry 1 /, 's3cret'],
  ['OTEL_SDK_DISABLED', 'yes', /OTEL_SDK_DISABLED/],
  ['OTEL_RESOURCE_ATTRIBUTES', 'team=red,blue', /OTEL_RESOURCE_ATTRIBUTES/],
  ['OTEL_LOG_LEVEL', 'chatty', /"chatty"/],
  ['OTEL_TRACES_SAMPLER_ARG', 'half', /OTEL_TRACES_SAMPLER_ARG/],
]
/** Said at a level that the logger of the program, or the SDK without one, leaves out. */
const QUIET = ['OTEL_RESOURCE_ATTRIBUTES', 'OTEL_LOG_LEVEL']

for (const [name, value, line, secret] of WRONG.filter((_, i) => isInTurn(i))) {
  test(`${name}=${value}`, async (t) => {
    const folder = tempFolder(t)
    const { endpoint } = await tempReceiver(t)
    const run = (env: NodeJS.ProcessEnv) =>
      runNode(['--input-type=module', '-e', PROGRAM], {
        FILE: `${folder}/hive.jsonl`,
        DOOR: door('index'),
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_TRACES_SAMPLER: 'traceidratio',
        ...env,
        [name]: value,
      })
    const alone = await run({})
    assert.equal(alone.code, 0, alone.stderr)
    const told = alone.stderr.split('\n').filter((each) => line.test(each))
    assert.equal(told.length, 1, alone.stderr)
    assert.match(told[0] as string, /^hivelog: /)
    assert.equal(alone.stdout.split('\n')[0], 'free: true')
    const heard = await run({ OWN_LOGGER: '1' })
    assert.equal(heard.stderr, '')
    if (!QUIET.includes(name)) assert.match(heard.stdout, line)
    for (const { stdout, stderr } of [alone, heard]) {
      if (secret !== undefined) assert.ok(!`${stdout}${stderr}`.includes(secret))
    }
  })
}

test('nothing is said where nothing is wrong', async (t) => {
  const { endpoint, spans } = await tempReceiver(t)
  const ran = await runNode(['--input-type=module', '-e', PROGRAM], {
    FILE: `${tempFolder(t)}/hive.jsonl`,
    DOOR: door('index'),
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'a=b, c = d%2Ce,',
    OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_SDK_DISABLED: 'false',
    OTEL_RESOURCE_ATTRIBUTES: 'team=red',
    OTEL_LOG_LEVEL: 'info',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '1',
  })
  assert.deepEqual([ran.stderr, ran.stdout, spans.length], ['', 'free: true\n', 1])
})
