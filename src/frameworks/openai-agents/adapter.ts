/**
 * OpenAI's Agents SDK: a processor in its trace provider, which it keeps under a global symbol, so that all copies of
 * the SDK in a process have one. What its tracing does not tell, the calls' ids and what a person allows, its classes do.
 */
import { openDoor, wrapMethod } from '../module-door.js'
import type { Adapter } from '../stage.js'
import { Approvals } from './approvals.js'
import { isLoaded, listen } from './provider.js'
import { Runs } from './runs.js'

const NAME = 'OpenAI Agents SDK'

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const approvals = new Approvals(stage)
    const runs = new Runs(stage, approvals)
    const wasLoaded = isLoaded()
    listen(runs)
    stage.locate((running) => stage.tell(NAME, () => runs.located(running)) ?? running)
    const from = { package: '@openai/agents', isLoaded: () => wasLoaded }
    openDoor({
      ...from,
      module: /\/@openai\/agents-core\/dist\/run\.m?js$/,
      className: 'Runner',
      met(runner) {
        runs.hasToolEvents = true
        wrapMethod(runner, 'emit', (_self, args, call) => {
          if (args[0] === 'agent_tool_start') stage.tell(NAME, () => runs.toolStarted(args))
          return call()
        })
      },
    })
    openDoor({
      ...from,
      module: /\/@openai\/agents-core\/dist\/runState\.m?js$/,
      className: 'RunState',
      met(runState) {
        wrapMethod(runState, 'setCurrentAgentSpan', (self, args, call) => {
          stage.tell(NAME, () => approvals.stateOf(args[0], self))
          return call()
        })
        for (const [name, approve] of [
          ['approve', true],
          ['reject', false],
        ] as const) {
          wrapMethod(runState, name, (_self, args, call) => {
            const result = call()
            stage.tell(NAME, () => approvals.decided(args, approve))
            return result
          })
        }
      },
    })
  },
}
