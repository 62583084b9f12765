/** An application's own backend for the logs of Claude Code (OTLP/HTTP, JSON): what it got of each run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ModelServer } from '../kit/model-server.mjs'
import { runProgram } from '../kit/program.mjs'

export class LogsBackend {
  #server
  /** Names of records, with tokens, by the port of the run's model server. */
  #byRun = new Map()

  static async start() {
    const backend = new LogsBackend()
    await new Promise((resolve) => backend.#server.listen(0, '127.0.0.1', resolve))
    return backend
  }

  constructor() {
    this.#server = createServer((request, response) => {
      const run = request.url.split('/')[1]
      let text = ''
      request.setEncoding('utf8').on('data', (piece) => {
        text += piece
      })
      request.on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
        this.#byRun.set(run, [...(this.#byRun.get(run) ?? []), ...recordsIn(JSON.parse(text))])
      })
    })
  }

  urlFor(server) {
    return `http://127.0.0.1:${this.#server.address().port}/${new URL(server.url).port}`
  }

  /** What it gets of a run without hivelog. */
  async logsAlone({ program, turns, env, cwd }) {
    const folder = mkdtempSync(join(tmpdir(), 'hivelog-framework-'))
    const server = await ModelServer.start(turns)
    try {
      await runProgram({ program, cwd, folder, env: { ...server.env, ...env(server) } })
      return this.#of(server)
    } finally {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** @returns what is not as without hivelog */
  differs(server, alone) {
    const found = this.#of(server)
    if (alone.length === 0) return ['without hivelog their backend got no logs']
    return JSON.stringify(found) === JSON.stringify(alone)
      ? []
      : [`their backend got ${found.join(', ')}, and without hivelog ${alone.join(', ')}`]
  }

  async close() {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #of(server) {
    return [...(this.#byRun.get(new URL(server.url).port) ?? [])].sort()
  }
}

const recordsIn = ({ resourceLogs = [] }) =>
  resourceLogs
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ logRecords }) => logRecords)
    .map(({ attributes }) => {
      const value = (name) => Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0]
      return [
        'event.name',
        'tool_use_id',
        'decision',
        'source',
        'input_tokens',
        'output_tokens',
        'hook_event',
      ]
        .map(value)
        .filter((each) => each !== undefined)
        .join(' ')
    })
    .filter((text) => text !== '')
