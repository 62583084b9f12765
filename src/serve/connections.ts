/**
 * Connections of the server: how many there may be, which were never used, and what is said over those on which nothing
 * came that is a request.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { jsonOf } from './http.js'

/** So many more are heard, each for one request, and told that there are too many; past them nobody is. */
const SPARE = 256

export class Connections {
  readonly #max: number
  #count = 0
  /** Over which nothing was asked yet. */
  readonly #unused = new Set<Socket>()
  readonly #over = new WeakSet<Socket>()

  constructor(server: Server, isSecure: boolean, max: number) {
    this.#max = max
    server.maxConnections = max + SPARE
    // Over TLS, requests come by another socket than connections.
    server.on(isSecure ? 'secureConnection' : 'connection', (socket: Socket) => this.#add(socket))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => sayFault(error.code, socket as Socket))
  }

  /** A request came. @returns whether its connection is one too many */
  isOver(socket: Socket): boolean {
    this.#unused.delete(socket)
    return this.#over.has(socket)
  }

  /** Node takes these for busy. */
  closeUnused(): void {
    for (const socket of this.#unused) if (socket.bytesRead === 0) socket.destroy()
  }

  #add(socket: Socket): void {
    this.#count++
    this.#unused.add(socket)
    if (this.#count > this.#max) this.#over.add(socket)
    socket.on('close', () => {
      this.#count--
      this.#unused.delete(socket)
    })
  }
}

interface Fault {
  status: string
  error: string
}

const FAULTS: Record<string, Fault> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    error: 'the headers are larger than 16 KiB',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: '413 Payload Too Large',
    error: 'the chunk extensions are too long',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', error: 'the request took too long to come' },
}
const NO_REQUEST: Fault = { status: '400 Bad Request', error: 'this is no HTTP request' }

/** A broken connection or request is its sender's trouble. */
function sayFault(code: string | undefined, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, error } = FAULTS[code ?? ''] ?? NO_REQUEST
  const body = jsonOf({ error })
  const head = [
    `HTTP/1.1 ${status}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
