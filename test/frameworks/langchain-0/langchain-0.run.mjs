/** The programs of ../langchain with the major before: a program's packages are those of its folder. */
import { copyFileSync } from 'node:fs'
import { suite } from '../kit/suite.mjs'
import { scenarios } from '../langchain/scenarios.mjs'

const PROGRAMS = ['agents.mjs', 'interrupts.mjs', 'kept-saver.mjs', 'same-names.mjs', 'failures.mjs']
for (const name of PROGRAMS) {
  copyFileSync(new URL(`../langchain/${name}`, import.meta.url), new URL(name, import.meta.url))
}

await suite(import.meta.url, {
  framework: 'LangGraph',
  package: '@langchain/langgraph',
  scenarios: scenarios.filter(({ program, programs = [program] }) =>
    programs.every((each) => PROGRAMS.includes(each.split(' ')[0])),
  ),
})
