/** A proxy that does to requests what networks do: it cuts, delays, doubles, and answers 503. */
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface RoughProxy {
  url: string
  /** How often each was done. */
  counts: Record<string, number>
  /** Where it passes requests on to. */
  to(port: number): void
  close(): Promise<void>
}

const DOINGS = [
  'pass',
  'pass',
  'pass',
  'pass',
  'pass',
  'pass',
  'pass',
  'pass',
  'pass',
  'cut before',
  'cut after',
  '503',
  'late',
  'twice',
] as const

/**
 * @param dice gives numbers from 0 to 1, the same in every run
 * @param passed is told of each answer before its sender gets it
 */
export async function roughProxy(
  dice: () => number,
  passed: (request: IncomingMessage, answer: { status: number; text: string }) => void = () => {},
): Promise<RoughProxy> {
  let port = 0
  const counts: Record<string, number> = {}
  const forward = (request: IncomingMessage, body: Buffer): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const { method, url, headers } = request
      const sent = send(
        { port, method, path: url, headers: { ...headers, host: `127.0.0.1:${port}` } },
        (answer) => {
          let text = ''
          answer.on('data', (data) => {
            text += data
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
          answer.on('error', reject)
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  const server = createServer(async (request, response) => {
    const doing = DOINGS[Math.floor(dice() * DOINGS.length)] as string
    counts[doing] = (counts[doing] ?? 0) + 1
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      if (doing === 'cut before') return request.socket.destroy()
      if (doing === '503') return response.writeHead(503, { 'retry-after': '0' }).end()
      if (doing === 'late') await pause(30)
      if (doing === 'twice') await forward(request, body)
      const { status, text } = await forward(request, body)
      if (doing === 'cut after') return request.socket.destroy()
      passed(request, { status, text })
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    } catch {
      request.socket.destroy()
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    counts,
    to: (target) => {
      port = target
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
