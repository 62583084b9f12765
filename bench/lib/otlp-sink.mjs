import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * An OTLP/HTTP endpoint in this process, which takes all that it is sent.
 * @param onBody is given each body and its content type
 */
export async function otlpSink(onBody = () => {}) {
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const type = request.headers['content-type']
      onBody(Buffer.concat(chunks), type)
      response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : undefined)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
