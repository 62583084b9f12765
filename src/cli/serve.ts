/** `hivelog serve` */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { serve } from '../serve/server.js'
import { clean } from '../text/terminal.js'
import { type Command, parse, UsageError, wholeNumber } from './args.js'
import { readInput } from './input-file.js'
import { Output, say } from './output.js'
import { endOf } from './until-signal.js'

const help = `Usage: hivelog serve --store DIR [OPTION]...

Receives exact copies of logs from hivelog ship, over HTTP, and events of any
program, which it writes to DIR/SESSION/events.jsonl. What it acknowledges
is on its disk; it knows how far each copy has come. A copy is
DIR/SESSION/LOGID.jsonl, and every command reads it as the original.

      --store DIR    where the copies are kept
      --port N       default 4319; 0 takes a free one
      --host HOST    default 127.0.0.1; anything else needs stored tokens, and
                     TLS before it, by a proxy
      --name NAME    host name under which a proxy passes requests on; can be
                     given several times
      --tokens FILE  default DIR/tokens.json; see hivelog token
      --key FILE     Ed25519 private key (PEM) that signs the receipts
      --json         {"url", "port", "token", "store"} as the first line
      --help         this text

Without stored tokens it makes one for its lifetime, and prints it.
POST /v1/ingest takes a piece of a log; GET /healthz says that it is up;
GET /metrics what it did (Prometheus).
Ends on SIGINT or SIGTERM, after it has answered what it has begun.
Exit code 0: ended by a signal; 2: bad use, or it cannot listen.

Example: hivelog serve --store fleet --port 4319
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('serve', args, {
      store: { type: 'string' },
      port: { type: 'string', default: '4319' },
      host: { type: 'string', default: '127.0.0.1' },
      name: { type: 'string', multiple: true, default: [] },
      tokens: { type: 'string' },
      key: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const port = wholeNumber('--port', values.port, { max: 65_535 })
    if (positionals.length > 0)
      throw new UsageError('serve takes no FILE yet: it receives logs, into --store DIR')
    if (values.store === undefined) throw new UsageError('serve needs --store DIR; see hivelog serve --help')
    const ended = endOf()
    const server = await serve({
      store: values.store,
      host: values.host,
      hosts: values.name,
      port,
      ...(values.tokens !== undefined && { tokens: values.tokens }),
      ...(values.key !== undefined && { key: await privateKey(values.key) }),
      onError: (message) => say(message),
    })
    const output = new Output()
    const { url, token, store } = server
    if (values.json) await output.json({ url, port: server.port, token: token ?? null, store })
    else {
      await output.line(`listening on ${url}, copies in ${clean(store)}`)
      if (token !== undefined) await output.line(`token for this run: ${token}`)
    }
    await output.flush()
    await ended
    await server.close()
    return 0
  },
}

async function privateKey(file: string): Promise<KeyObject> {
  const pem = await readInput('the key', file)
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Told below.
  }
  throw new UsageError(`${file} is no Ed25519 private key as PEM`)
}
