import { copyFileSync } from 'node:fs'
import { ALONE, BESIDE } from '../kit/beside.mjs'
import { suite } from '../kit/suite.mjs'
import { scenarios } from '../langchain/scenarios.mjs'

// A program's packages are those of its folder.
for (const name of ['agents.mjs', 'interrupts.mjs', 'kept-saver.mjs']) {
  copyFileSync(new URL(`../langchain/${name}`, import.meta.url), new URL(name, import.meta.url))
}
// Its spans are flat: what lies in what only who was there before it can see.
const { register, startHive } = BESIDE
const beside = (name) => ({
  ...scenarios.find((each) => each.name === name),
  alone: ALONE,
  modes: { register, startHive },
})

await suite(import.meta.url, {
  framework: 'OpenLLMetry over LangGraph',
  package: '@traceloop/instrumentation-langchain',
  scenarios: [beside('a team that hands over'), beside('waits for people')],
})
