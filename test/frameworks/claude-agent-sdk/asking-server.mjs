/** An MCP server on standard input and output, whose tool asks people before it does anything. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'

const server = new McpServer({ name: 'release', version: '1.0.0' })
server.registerTool(
  'deploy',
  { description: 'deploys a place', inputSchema: { place: z.string() } },
  async ({ place }) => {
    const { action } = await server.server.elicitInput({
      message: `Deploy to ${place}?`,
      requestedSchema: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] },
    })
    return { content: [{ type: 'text', text: `${place}: ${action}` }] }
  },
)
await server.connect(new StdioServerTransport())
