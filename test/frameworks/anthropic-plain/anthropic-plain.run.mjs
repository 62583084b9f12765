import { suite } from '../kit/suite.mjs'

await suite(import.meta.url, {
  framework: 'Anthropic',
  package: '@anthropic-ai/sdk',
  scenarios: ['@anthropic-ai/sdk', 'anthropic-0'].map((name) => ({
    name: `calls (${name})`,
    program: `calls.mjs ${name}`,
    turns: () => [
      { text: 'They make honey', usage: { input: 400, output: 30, cacheRead: 128, cacheWrite: 64 } },
      { text: 'hello you', chunkMs: 20, usage: { input: 90, output: 7, cacheRead: 40 } },
      { tools: [{ name: 'search', args: { q: 'bees', usage: { input_tokens: 1 } } }] },
      { error: { status: 400, message: 'this is not possible' } },
      { text: 'half of an answer', abort: true, chunkMs: 10 },
      { text: 'too much of an answer', chunkMs: 10 },
    ],
    output: 'They make honey\nhello you\nsearch bees\nBadRequestError 400\ntrue\nAPIUserAbortError',
    truth: { absent: ['sk-ant-', 'What do bees do', 'They make', 'hello you', 'half of', 'too much'] },
    check: ({ lines }) => {
      const usages = lines.map(({ event }) => event).filter(({ kind }) => kind === 'usage')
      const problems = usages.flatMap(({ provider }) => (provider === 'anthropic' ? [] : [`of ${provider}`]))
      // From the SDK's own spans it is the type alone.
      if (
        !/^(400 invalid_request_error: this is not possible|invalid_request_error)$/.test(usages[3]?.error)
      ) {
        problems.push(`the refusal is ${usages[3]?.error}`)
      }
      return problems
    },
  })),
})
