/** The same programs with an older version; they are copied here, since a program has the packages of its folder. */
import { copyFileSync } from 'node:fs'
import { suite } from '../kit/suite.mjs'
import { scenarios } from '../openai-agents/scenarios.mjs'

for (const name of ['desk.mjs', 'approvals.mjs', 'failures.cjs', 'left.mjs']) {
  copyFileSync(new URL(`../openai-agents/${name}`, import.meta.url), new URL(name, import.meta.url))
}

await suite(import.meta.url, {
  framework: 'OpenAI Agents',
  package: '@openai/agents',
  scenarios: scenarios()
    .filter(({ name }) => name !== 'the example' && name !== 'another framework within')
    .map((scenario) => ({ ...scenario, modes: ['register'] })),
})
