import { copyFileSync } from 'node:fs'
import { bySpans } from '../kit/beside.mjs'
import { suite } from '../kit/suite.mjs'
import { scenarios } from '../langchain/scenarios.mjs'

// A program's packages are those of its folder.
for (const name of ['agents.mjs', 'interrupts.mjs', 'kept-saver.mjs']) {
  copyFileSync(new URL(`../langchain/${name}`, import.meta.url), new URL(name, import.meta.url))
}
/**
 * Its spans are flat, and all tools have one name: by them alone it is known what models were asked and what people were,
 * which the process did then. They have neither an answer's id nor tokens of the cache.
 */
const ofSpans = ({ sessions, absent, escalations = [] }, { server }) => ({
  sessions,
  absent,
  escalations: escalations.map((each) => ({ ...each, from: 'main' })),
  calls: server.calls.map((call) => ({ ...call, agent: undefined })),
  unknown: ['responseId', 'cacheReadTokens'],
})
const beside = (name) =>
  bySpans(
    // Its spans of model calls end after LangChain's own work with the answer.
    { ...scenarios.find((each) => each.name === name), liveMs: 150 },
    { ofSpans },
  )

await suite(import.meta.url, {
  framework: 'OpenLLMetry over LangGraph',
  package: '@traceloop/instrumentation-langchain',
  scenarios: [beside('a team that hands over'), beside('waits for people')],
})
