/** The SDK's telemetry does not say which `ToolLoopAgent` makes a call; the class itself does. */
import { openDoor, wrapMethod } from '../module-door.js'
import { textIn } from '../reading.js'

/** @param named runs a call of an agent that has this id */
export function onAgentClass(named: (id: string, call: () => unknown) => unknown): void {
  openDoor({
    package: 'ai',
    module: /\/node_modules\/ai\/dist\/index\.m?js$/,
    className: 'ToolLoopAgent',
    met(agentClass) {
      for (const name of ['generate', 'stream']) {
        wrapMethod(agentClass, name, (self, _args, call) => {
          const id = textIn(self, 'id')
          return id === undefined ? call() : named(id, call)
        })
      }
    },
  })
}
