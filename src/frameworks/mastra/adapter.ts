/**
 * Mastra, by the events of its observability, which it tells as spans begin and end, and by the calls of `Agent` that
 * answer a request for approval. An application gets these events only if it gives `observability` to `new Mastra()`:
 * without it Mastra makes no spans at all, and hivelog says so once. The classes are met as their modules are loaded, which
 * needs Node 22.15, as Mastra does nearly.
 */
import { diag } from '@opentelemetry/api'
import { openDoor, wrapMethod } from '../module-door.js'
import type { Adapter } from '../stage.js'
import { Spans } from './spans.js'

const NAME = 'Mastra'
const RUNS = ['generate', 'stream', 'network']
/** By these a span runs what it stands for: a model's call, a tool, an agent. */
const IN_SPANS = ['executeInContext', 'executeInContextSync']
const RESUMES = ['resumeGenerate', 'resumeStream']
/** A run that has not told of itself for so long will not. */
const SILENCE_MS = 2_000

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const spans = new Spans(stage)
    const observability = {
      package: '@mastra/observability',
      module: /\/node_modules\/@mastra\/observability\/dist\/(?:index|chunk-[^/]+)\.c?js$/,
    }
    openDoor({
      ...observability,
      className: 'ObservabilityBus',
      met: (bus) => {
        wrapMethod(bus, 'emit', (_self, [event], call) => {
          stage.tell(NAME, () => spans.told(event))
          return call()
        })
      },
    })
    openDoor({
      ...observability,
      className: 'BaseSpan',
      met: (span) => {
        for (const name of IN_SPANS) {
          wrapMethod(span, name, (self, _args, call) => {
            const agent = stage.tell(NAME, () => spans.ownerOf(self))
            return agent === undefined ? call() : stage.running.run(agent, call)
          })
        }
      },
    })
    let hasRun = false
    openDoor({
      package: '@mastra/core',
      module: /\/node_modules\/@mastra\/core\/dist\/(?:agent|chunk)-[^/]+\.c?js$/,
      className: 'Agent',
      met: (agent) => {
        for (const name of RUNS) {
          wrapMethod(agent, name, (_self, _args, call) => {
            if (!hasRun) {
              hasRun = true
              const say = once(() => sayNothingSeen(spans))
              setTimeout(say, SILENCE_MS).unref()
              process.once('exit', say)
            }
            return call()
          })
        }
        for (const name of RESUMES) {
          wrapMethod(agent, name, (_self, [answer, options], call) => {
            stage.tell(NAME, () => spans.resumed(answer, options))
            return call()
          })
        }
      },
    })
  },
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}

function sayNothingSeen(spans: Spans): void {
  if (spans.isSeen) return
  diag.warn(
    'hivelog: Mastra runs without observability, so that its agents are not recorded: ' +
      'give `observability: new Observability(…)` of @mastra/observability to `new Mastra()`',
  )
}
