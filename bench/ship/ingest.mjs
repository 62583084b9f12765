// What the server spends on exact copies: CPU time a byte, as it is sent plain and gzipped at the shipper's level.
import { rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { copyPieces } from '../lib/copy-pieces.mjs'
import { cpuSeconds, residentMiB } from '../lib/programs.mjs'
import { startServe } from '../lib/serve-program.mjs'

/** Logs that are sent at a time, as many senders do. */
const SENDERS = 4

function post({ port, token }, agent, { session, log, offset, body, encoding }) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/x-ndjson',
      'content-length': body.length,
      'hivelog-session': session,
      'hivelog-log': log,
      'hivelog-name': 'hive.jsonl',
      'hivelog-segment': '1',
      'hivelog-offset': String(offset),
      ...(encoding !== undefined && { 'content-encoding': encoding }),
    }
    const sent = request(
      { host: '127.0.0.1', port, path: '/v1/ingest', method: 'POST', agent, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () =>
          response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text)),
        )
      },
    )
    sent.on('error', reject).end(body)
  })
}

/**
 * Sends whole logs, several at once.
 * @param logs pieces of each, with their `body`
 */
export async function sendCopies(server, logs) {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS })
  let next = 0
  const sender = async () => {
    while (next < logs.length) for (const piece of logs[next++]()) await post(server, agent, piece)
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  agent.destroy()
}

/** @returns the server's CPU seconds, and how long it took */
async function measure(folder, logs) {
  const server = await startServe(folder)
  try {
    // The first log warms up.
    await sendCopies(server, logs.slice(0, 4))
    const before = cpuSeconds(server.pid)
    const from = performance.now()
    await sendCopies(server, logs.slice(4))
    const took = (performance.now() - from) / 1000
    return { cpu: cpuSeconds(server.pid) - before, took, rss: residentMiB(server.pid) }
  } finally {
    await server.stop()
    rmSync(join(folder, 'store'), { recursive: true, force: true })
  }
}

export default async function ingest({ work, quick }) {
  const count = quick ? 16 : 44
  const source = copyPieces(work, { lines: 36_000 })
  const packed = source.pieces(0).map(({ bytes }) => gzipSync(bytes, { level: constants.Z_BEST_SPEED }))
  const logs = (pack) =>
    Array.from({ length: count }, (_, i) => () => source.pieces(i).map((piece, at) => pack(piece, at)))
  const ways = [
    ['uncompressed', (piece) => ({ ...piece, body: piece.bytes })],
    [
      'gzip',
      // Only the first piece of a log differs from those of the others.
      (piece, at) => ({
        ...piece,
        encoding: 'gzip',
        body: at > 0 ? packed[at] : gzipSync(piece.bytes, { level: constants.Z_BEST_SPEED }),
      }),
    ],
  ]
  const rows = []
  const targets = []
  const megabytes = ((count - 4) * source.bytes) / 1e6
  for (const [way, pack] of ways) {
    const { cpu, took, rss } = await measure(work, logs(pack))
    const perLine = (cpu / ((count - 4) * source.lines)) * 1e6
    rows.push([
      way,
      megabytes.toFixed(0),
      (megabytes / cpu).toFixed(0),
      (megabytes / took).toFixed(0),
      perLine.toFixed(2),
      rss.toFixed(0),
    ])
    targets.push({
      what: `ingest of exact copies, ${way}, MB/s a core`,
      atLeast: 200,
      measured: megabytes / cpu,
    })
  }
  return {
    title: 'Ingest of exact copies',
    note: `${count - 4} logs of ${source.lines} lines in pieces of 1 MiB, ${SENDERS} senders at once; every piece forced to the disk before its answer. CPU is the server's, in all its threads and in the kernel.`,
    columns: ['body', 'MB of lines', 'MB a CPU second', 'MB/s here', 'CPU µs a line', 'MiB resident'],
    rows,
    targets,
  }
}
