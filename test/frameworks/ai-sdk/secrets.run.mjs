import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fillings, secrets } from '../kit/forty-secrets.mjs'
import { suite } from '../kit/suite.mjs'

/** An API that answers anything, and a backend for OTLP, by path: what each run sent it. */
const sent = new Map()
const backend = createServer((request, response) => {
  const [, run, what] = request.url.split('/')
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', () => {
    if (what === 'otlp') sent.set(run, [...(sent.get(run) ?? []), Buffer.concat(pieces).toString('latin1')])
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
})
await new Promise((resolve) => backend.listen(0, '127.0.0.1', resolve))

const runOf = (server) => new URL(server.url).port
const urlOf = (server, what) => `http://127.0.0.1:${backend.address().port}/${runOf(server)}/${what}`

function leaks({ server }) {
  const bodies = (sent.get(runOf(server)) ?? []).join('\n')
  const found = secrets
    .filter(({ filling }) => bodies.includes(filling))
    .map(({ name }) => `our OTLP holds ${name}`)
  // Spans of agents, tools and calls are there all the same.
  for (const word of ['invoke_agent', 'execute_tool', 'keeper'])
    if (!bodies.includes(word)) found.push(`our OTLP does not say ${word}`)
  return found
}

/** Contents are kept, and what is kept is read by `absent`. */
function hasArtifacts({ folder }) {
  const kept = readdirSync(join(folder, 'hive.jsonl.artifacts'), { recursive: true })
  return kept.length > 0 ? [] : ['no content was kept']
}

const all = secrets.map(({ name, text }) => `${name}: ${text}`).join('\n')
const scenario = {
  program: 'secrets.mjs',
  turns: () => [
    {
      agent: 'keeper',
      tools: [
        { name: 'keep', args: { notes: secrets.map(({ text }) => text) }, id: 'c-keep' },
        { name: 'spill', args: { note: all }, id: 'c-spill' },
      ],
    },
    { agent: 'keeper', text: all },
  ],
  env: (server) => ({
    HIVELOG_TEST_API: urlOf(server, 'api'),
    OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(server, 'otlp'),
  }),
  output: 'true',
  truth: {
    agents: [{ name: 'keeper' }],
    tools: [
      { agent: 'keeper', name: 'keep', toolCallId: 'c-keep' },
      { agent: 'keeper', name: 'spill', toolCallId: 'c-spill', ok: false },
    ],
    absent: fillings,
  },
  liveMs: 500,
}

await suite(import.meta.url, {
  framework: 'AI SDK',
  package: 'ai',
  scenarios: [
    { ...scenario, name: 'forty secrets', modes: ['register', 'startHive'], check: leaks },
    {
      ...scenario,
      name: 'forty secrets, contents kept',
      modes: {
        spans: { base: 'none', imports: ['./secret-telemetry.mjs'] },
        'spans, adapter': {
          base: 'none',
          imports: ['./secret-telemetry.mjs'],
          env: { HIVELOG_TEST_INSTRUMENT: '1' },
        },
      },
      check: (run) => [...leaks(run), ...(run.mode === 'spans' ? hasArtifacts(run) : [])],
    },
  ],
})
backend.closeAllConnections()
backend.close()
