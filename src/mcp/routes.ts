/** `POST /mcp`: agents ask (docs/mcp.md). What speaks the protocol is loaded when somebody asks for the first time. */
import type { Route } from '../serve/router.js'
import type { Parts } from '../serve/server.js'

export function mcpRoutes(parts: Parts): Route[] {
  let door: Promise<(request: Parameters<Route['run']>[0]) => Promise<undefined>> | undefined
  return [
    {
      method: 'POST',
      path: '/mcp',
      scope: 'read',
      async run(asked) {
        door ??= import('./http.js').then(({ httpDoor }) => httpDoor(parts))
        return (await door)(asked)
      },
    },
  ]
}
