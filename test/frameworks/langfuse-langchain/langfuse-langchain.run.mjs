import { copyFileSync } from 'node:fs'
import { graph, task, unaddressed } from '../kit/graph-by-spans.mjs'
import { suite } from '../kit/suite.mjs'

// A program's packages are those of its folder.
for (const name of ['agents.mjs', 'interrupts.mjs', 'kept-saver.mjs']) {
  copyFileSync(new URL(`../langchain/${name}`, import.meta.url), new URL(name, import.meta.url))
}

await suite(import.meta.url, {
  framework: 'Langfuse over LangGraph',
  package: '@langfuse/langchain',
  scenarios: [
    graph('a team that hands over', { tasks: task('coder', 'reviewer') }),
    graph('waits for people'),
    graph('waits for people, over processes', { escalations: unaddressed }),
  ],
})
