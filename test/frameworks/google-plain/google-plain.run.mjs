import { suite } from '../kit/suite.mjs'

await suite(import.meta.url, {
  framework: 'Google',
  package: '@google/genai',
  scenarios: ['@google/genai', 'genai-1'].map((name) => ({
    name: `calls (${name})`,
    // On Node 22 its lines came up to 75 ms after the answer, on a quiet machine too; why is not known yet.
    liveMs: 100,
    program: `calls.mjs ${name}`,
    turns: () => [
      { text: 'They make honey', usage: { input: 400, output: 30, cacheRead: 128, reasoning: 11 } },
      { text: 'hello you', chunkMs: 20 },
      { tools: [{ name: 'search', args: { q: 'bees' } }], model: 'gemini-c-001' },
      { error: { status: 400, message: 'this is not possible' } },
      {},
    ],
    output: 'They make honey\nhello you\nsearch\nApiError 400\n0.1 0.2 0.3',
    truth: ({ server }) => ({
      // The answer to an embedding says no tokens.
      calls: server.calls.map((call) =>
        call.api === 'embedContent' ? { ...call, inputTokens: undefined } : call,
      ),
      absent: ['AIzaSy', 'What do bees do', 'They make', 'hello you'],
    }),
    check: ({ lines }) => {
      const usages = lines.map(({ event }) => event).filter(({ kind }) => kind === 'usage')
      return usages.flatMap(({ provider }) => (provider === 'gcp.gemini' ? [] : [`of ${provider}`]))
    },
  })),
})
