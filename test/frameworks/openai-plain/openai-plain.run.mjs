import { turns } from '../../../examples/frameworks/openai-plain/turns.mjs'
import { exampleTruth, suite } from '../kit/suite.mjs'

const node = Number(process.versions.node.split('.')[0])
/** `fetch` in all but the oldest, which uses `node:http`. The newest asks for Node 22. */
const packages = node < 22 ? ['openai-6', 'openai-4'] : ['openai', 'openai-4']

const isBlind = (name) => node < 22 && name === 'openai-4'

const words = ['They make', 'honey and wax']
const PRINTS = `${words[0]}\n${words[1]}\nsearch\nhi 200 true\nhello you\n0.1 0.2 0.3\n1 2 3`

const near = (ms, least, most) => ms >= least && ms <= most

/** Times are those of the model server, which this process sees on the wire. */
function times({ lines, server }) {
  const problems = []
  const usages = lines.map(({ event }) => event).filter(({ kind }) => kind === 'usage')
  for (const call of server.calls) {
    const line = usages.find(
      ({ responseId, model }) =>
        responseId === call.responseId && (model === call.model || model === call.asked),
    )
    if (line === undefined || call.error !== undefined) continue
    const took = call.endedAt - call.startedAt
    if (!near(line.ms, took - 30, took + 150)) problems.push(`call ${call.n} took ${took} ms, not ${line.ms}`)
    if (line.provider !== 'openai') problems.push(`call ${call.n} is of ${line.provider}`)
    const first = call.firstChunkAt && call.firstChunkAt - call.startedAt
    if (first !== undefined && !near(line.ttftMs, first - 30, first + 150)) {
      problems.push(`call ${call.n} said something after ${first} ms, not ${line.ttftMs}`)
    }
  }
  const requests = lines.filter(({ event }) => event.kind === 'call').length
  const asked = server.calls.length
  if (requests !== asked) problems.push(`there are ${requests} calls of ${asked} requests`)
  return problems
}

const example = {
  name: 'the example',
  program: '../../../examples/frameworks/openai-plain/main.mjs',
  turns: () => [],
  env: () => ({ OPENAI_API_KEY: '', OPENAI_BASE_URL: '' }),
  truth: exampleTruth(turns),
  check: ({ lines }) => {
    const found = lines.filter(({ event }) => event.kind === 'call' && event.path === '/ferry/times')
    return found.length === 1 ? [] : [`the ferry was asked ${found.length} times`]
  },
}

await suite(import.meta.url, {
  framework: 'OpenAI',
  package: packages[0],
  scenarios: [
    ...packages.flatMap((name) => [
      {
        name: `calls (${name})`,
        program: `calls.mjs ${name}`,
        turns: () => [
          { text: words[0], usage: { input: 400, output: 30, cacheRead: 128 } },
          { text: words[1], delayMs: 60, chunkMs: 20, usage: { input: 50, output: 20, reasoning: 12 } },
          { tools: [{ name: 'search', args: { q: 'bees', usage: { prompt_tokens: 1 } } }] },
          { text: 'hi', model: 'gpt-d-2026-01-01' },
          { text: 'hello you', chunkMs: 20, usage: { input: 70, output: 5, cacheRead: 64 } },
          {},
          { when: 'one', text: '1', delayMs: 60 },
          { when: 'two', text: '2', delayMs: 60 },
          { when: 'three', text: '3' },
        ],
        output: PRINTS,
        truth: ({ server }) => ({
          calls: server.calls.map((call) => (isBlind(name) ? { ...call, asked: call.model } : call)),
          absent: ['sk-proj-', 'What do bees do', words[1], 'hello you'],
        }),
        check: times,
      },
      {
        name: `failures (${name})`,
        program: `failures.mjs ${name}`,
        turns: () => [
          { error: { status: 400, message: 'this is not possible' } },
          { abort: true },
          { text: 'half of an answer', abort: true, chunkMs: 30 },
          { text: 'a long answer', chunkMs: 60 },
        ],
        output: [
          'refused BadRequestError',
          'cut APIConnectionError',
          `half ${name === 'openai-4' ? 'Error' : 'TypeError'}`,
          'given up left',
          'nobody there APIConnectionError',
        ].join('\n'),
        truth: ({ server }) => ({
          calls: [
            ...server.calls
              // Node 20 tells of a request of node:http when it is on its way. Without the model's name, a request that
              // got no answer from a host that is no provider's may be any.
              .filter(({ model }) => !isBlind(name) || model !== 'gpt-b')
              // The server may not have noticed yet that nobody reads on.
              .map((call) => (call.model === 'gpt-d' ? { ...call, error: 'given up' } : call))
              .map((call) =>
                isBlind(name) && call.model === 'gpt-a' ? { ...call, asked: undefined } : call,
              ),
            // Nobody was asked for a model where nobody is; fetch writes a body only when it is connected.
            { asked: name === 'openai-4' && !isBlind(name) ? 'gpt-e' : undefined, error: 'nobody is there' },
          ],
          absent: ['half of', 'a long'],
        }),
        check: ({ lines }) => {
          const errors = lines.flatMap(({ event }) => (event.kind === 'usage' ? [event.error] : []))
          const wanted = [/^400 fake_error: this is not possible$/, /./, /./, /abort/i, /ECONNREFUSED/]
          if (isBlind(name)) wanted.splice(1, 1)
          return wanted.flatMap((each, i) => (each.test(errors[i]) ? [] : [`error ${i} is ${errors[i]}`]))
        },
      },
    ]),
    ...(node < 22 ? [] : [example]),
  ],
})
