/** The programs of ../ai-sdk-6 with the major before: a program's packages are those of its folder. */
import { copyFileSync } from 'node:fs'
import { scenarios } from '../ai-sdk-6/scenarios.mjs'
import { suite } from '../kit/suite.mjs'

for (const name of ['agents.mjs', 'telemetry.mjs']) {
  copyFileSync(new URL(`../ai-sdk-6/${name}`, import.meta.url), new URL(name, import.meta.url))
}

await suite(import.meta.url, {
  framework: 'AI SDK',
  package: 'ai',
  scenarios: scenarios({ tellsCached: false }),
})
