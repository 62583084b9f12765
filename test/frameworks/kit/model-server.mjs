/**
 * A model provider that knows the truth: it speaks the HTTP interfaces of OpenAI, Anthropic and Google on loopback,
 * answers with the turns that a test gives it, and keeps what it was asked and what it answered.
 *
 *   const server = await ModelServer.start([
 *     { agent: 'lead', tools: [{ name: 'search', args: { q: 'bees' } }] },
 *     { agent: 'lead', text: 'Done.', usage: { input: 120, output: 9, cacheRead: 64 } },
 *   ])
 *   … OPENAI_BASE_URL=`${server.url}/v1`, ANTHROPIC_BASE_URL=server.url, GOOGLE_GEMINI_BASE_URL=server.url …
 *   server.calls // the truth, in the order in which the calls came
 *
 * A turn:
 *   agent      who is expected to ask; for the check, and never sent
 *   when       a text that the request's body has to contain, or a function of the body; without it the turn is the
 *              next that any request gets. For agents that run at once
 *   text       what the model says
 *   tools      its tool calls: [{ name, args, id }]; an id is made where none is given
 *   usage      { input, output, cacheRead, cacheWrite, reasoning } tokens; `input` with what was read from and written
 *              to a cache. Default: numbers that no other call has
 *   model      the model's name in the answer. Default: the one that was asked
 *   delayMs    before the answer, or a stream's first piece
 *   chunkMs    between the pieces of a stream
 *   error      { status, message }: refuses. Use 400, which no client tries again
 *   abort      cuts the connection: before an answer, or in the middle of a stream
 *   embedding  numbers of an embedding. Default: [0.1, 0.2, 0.3]
 */
import { createServer } from 'node:http'
import { anthropicMessages } from './apis/anthropic.mjs'
import { googleEmbed, googleGenerate } from './apis/google.mjs'
import { openaiChat, openaiEmbeddings, openaiResponses } from './apis/openai.mjs'
import { now } from './clock.mjs'

/** Path of each interface that is spoken; the path says what `read` cannot find in the body. */
const ROUTES = [
  { path: /^(?:\/v1)?\/chat\/completions$/, api: openaiChat },
  { path: /^(?:\/v1)?\/responses$/, api: openaiResponses },
  { path: /^(?:\/v1)?\/embeddings$/, api: openaiEmbeddings },
  { path: /^(?:\/v1)?\/messages$/, api: anthropicMessages },
  { path: /^\/v1(?:beta|alpha)?\/models\/([^/:]+):((?:streamG|g)enerateContent)$/, api: googleGenerate },
  { path: /^\/v1(?:beta|alpha)?\/models\/([^/:]+):((?:batchE|e)mbedContents?)$/, api: googleEmbed },
]

export class ModelServer {
  /** Where it listens, without a path. */
  url = ''
  /** Every model call: who asked, which model, tokens, the answer's id, times, the request's body. */
  calls = []
  /** Requests that no interface took: `{ method, path, at }`. */
  others = []
  /** What went wrong in the test itself: calls that no turn was left for. */
  problems = []
  #turns = []
  #added = 0
  #server
  #sockets = new Set()

  static async start(turns = []) {
    const server = new ModelServer(turns)
    await new Promise((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    server.url = `http://127.0.0.1:${server.#server.address().port}`
    return server
  }

  constructor(turns) {
    this.add(...turns)
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => {
        this.problems.push(`the model server failed: ${error.stack}`)
        response.destroy()
      })
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** Turns for what is asked from now on. */
  add(...turns) {
    for (const turn of turns) this.#turns.push({ ...turn, number: ++this.#added })
  }

  /** Turns that nobody asked for. */
  get left() {
    return this.#turns
  }

  /** The environment by which the usual clients find this server. */
  get env() {
    return {
      OPENAI_BASE_URL: `${this.url}/v1`,
      OPENAI_API_KEY: 'sk-proj-fake0fake0fake0fake0fake0fake0fake0fake0fake0',
      ANTHROPIC_BASE_URL: this.url,
      ANTHROPIC_API_KEY: 'sk-ant-api03-fake0fake0fake0fake0fake0fake0fake0-fake0AA',
      GOOGLE_GEMINI_BASE_URL: this.url,
      GEMINI_API_KEY: 'AIzaSyFakeFakeFakeFakeFakeFakeFakeFake0',
    }
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request, response) {
    const startedAt = now()
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    const text = await textOf(request)
    const found = ROUTES.map(({ path, api }) => ({ match: path.exec(pathname), api })).find(
      ({ match }) => match,
    )
    if (request.method !== 'POST' || found === undefined) {
      this.others.push({ method: request.method, path: pathname, at: startedAt })
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"not here"}}')
      return
    }
    const { api, match } = found
    const body = text === '' ? {} : JSON.parse(text)
    const asked = api.read(body, match.slice(1), searchParams)
    const turn = this.#take(text, body)
    const call = this.#newCall(api, asked, turn, body, startedAt)
    if (turn.delayMs) await pause(turn.delayMs)
    if (turn.error || (turn.abort && !asked.stream)) {
      call.error = turn.error?.message ?? 'connection cut'
      call.endedAt = now()
      if (turn.error) {
        response
          .writeHead(turn.error.status ?? 400, { 'content-type': 'application/json' })
          .end(JSON.stringify(api.error(turn.error.status ?? 400, call.error)))
      } else response.destroy()
      return
    }
    if (asked.stream) await stream(response, api.pieces(call, turn), turn, call)
    else {
      const answer = JSON.stringify(api.answer(call, turn, body))
      call.endedAt = now()
      response
        .writeHead(200, { 'content-type': 'application/json', 'x-request-id': `req_${call.number}` })
        .end(answer)
    }
  }

  #take(text, body) {
    const i = this.#turns.findIndex(({ when }) => {
      if (when === undefined) return true
      return typeof when === 'function' ? when(body) : text.includes(when)
    })
    if (i >= 0) return this.#turns.splice(i, 1)[0]
    const message = `no turn is left for this call: ${text.slice(0, 300)}`
    this.problems.push(message)
    return { error: { status: 400, message } }
  }

  #newCall(api, asked, turn, body, startedAt) {
    const n = this.calls.length + 1
    // By the turn and not by who came first: of agents that run at once that is not the same each time.
    const { number = n } = turn
    const {
      input = 100 + 7 * number,
      output = 10 + 3 * number,
      cacheRead,
      cacheWrite,
      reasoning,
    } = turn.usage ?? {}
    const call = {
      n,
      number,
      api: api.name,
      provider: api.provider,
      agent: turn.agent,
      model: turn.model ?? asked.model,
      asked: asked.model,
      responseId: api.hasIds === false ? undefined : `${api.idPrefix}${String(number).padStart(4, '0')}fake`,
      stream: asked.stream,
      inputTokens: input,
      outputTokens: api.isEmbedding ? 0 : output,
      cacheReadTokens: cacheRead,
      cacheWriteTokens: cacheWrite,
      reasoningTokens: reasoning,
      tools: (turn.tools ?? []).map(({ name, args = {}, id }, i) => ({
        name,
        args,
        id: id ?? `call_${number}_${i + 1}`,
      })),
      text: turn.text ?? (turn.tools === undefined ? 'ok' : undefined),
      startedAt,
      firstChunkAt: undefined,
      endedAt: undefined,
      error: undefined,
      request: body,
    }
    this.calls.push(call)
    return call
  }
}

async function stream(response, pieces, turn, call) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': `req_${call.number}` })
  // At once, for the program may end before the next piece would be sent.
  response.on('close', () => {
    // Who has read the last piece may go before the connection is closed.
    if (response.writableEnded || (call.endedAt !== undefined && !turn.abort)) return
    call.error ??= 'the client went away'
    call.endedAt = now()
  })
  const upTo = turn.abort ? Math.ceil(pieces.length / 2) : pieces.length
  for (let i = 0; i < upTo; i++) {
    if (response.destroyed) return
    const { event, data } = pieces[i]
    // The first piece that says something: those before only announce it.
    if (pieces[i].isContent) call.firstChunkAt ??= now()
    if (i === upTo - 1) call.endedAt = now()
    response.write(
      `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    )
    if (turn.chunkMs) await pause(turn.chunkMs)
  }
  if (turn.abort) {
    call.error = 'connection cut'
    response.destroy()
  } else response.end()
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function textOf(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
