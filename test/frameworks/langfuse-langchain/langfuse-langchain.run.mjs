import { copyFileSync } from 'node:fs'
import { bySpans } from '../kit/beside.mjs'
import { graph, task, unaddressed } from '../kit/graph-by-spans.mjs'
import { suite } from '../kit/suite.mjs'

// A program's packages are those of its folder.
for (const name of ['agents.mjs', 'interrupts.mjs', 'kept-saver.mjs']) {
  copyFileSync(new URL(`../langchain/${name}`, import.meta.url), new URL(name, import.meta.url))
}

const call = (name, args, id) => ({ name, args, id })

/** Nothing of it is an agent's; LangChain's own module of callbacks is met on Node 22.15 and newer alone. */
const chain = {
  name: 'a chain without a graph',
  program: 'chain.mjs',
  turns: () => [
    { when: 'Look for wax', tools: [call('search', { what: 'wax' }, 'c-search')] },
    { when: 'c-search', text: 'There is wax.' },
    { when: 'Build it', tools: [call('compile', { what: 'it' }, 'c-compile')] },
  ],
  output: 'There is wax.\nno compiler',
  truth: {
    tools: [
      { name: 'search', toolCallId: 'c-search' },
      { name: 'compile', toolCallId: 'c-compile', ok: false },
    ],
    absent: ['Look for wax', 'found wax', 'There is wax'],
  },
}

await suite(import.meta.url, {
  framework: 'Langfuse over LangGraph',
  package: '@langfuse/langchain',
  scenarios: [
    bySpans(chain, {
      ofSpans: ({ tools, ...truth }) => ({
        ...truth,
        tools: tools.map(({ toolCallId, ...each }) => each),
        unknown: ['responseId'],
      }),
    }),
    graph('a team that hands over', { tasks: task('coder', 'reviewer') }),
    graph('waits for people'),
    graph('waits for people, over processes', { escalations: unaddressed }),
  ],
})
