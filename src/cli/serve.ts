/** `hivelog serve` */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mcpRoutes } from '../mcp/routes.js'
import { serve } from '../serve/server.js'
import { clean } from '../text/terminal.js'
import { type Command, parse, UsageError, wholeNumber } from './args.js'
import { type Leading, leadingTo, openInBrowser } from './browser.js'
import { readInput } from './input-file.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { endOf } from './until-signal.js'

const help = `Usage: hivelog serve [OPTION]... [LOG|DIR]...

Shows logs in the browser, and receives what other machines send: exact copies
from hivelog ship, and events of any program, which it writes to
DIR/SESSION/events.jsonl. What it acknowledges is on its disk. A copy is
DIR/SESSION/LOGID.jsonl, and every command reads it as the original.

      --store DIR    where what is received is kept; without it nothing is
      --open         open the page in the browser, by a file for you alone that
                     leads there and is removed again: the token is in no list
                     of processes
      --port N       default 4319; 0 takes a free one
      --host HOST    default 127.0.0.1; anything else needs stored tokens
      --name NAME    host name under which a proxy passes requests on; can be
                     given several times
      --tls-cert F, --tls-key F   certificate chain and private key (PEM)
      --tokens FILE  default DIR/tokens.json; see hivelog token
      --key FILE     Ed25519 private key (PEM) that signs the receipts
      --max-bytes-per-second N   that one token may send; 429 beyond
      --max-sessions N           that one token may send to; default 10000
      --max-viewers N            that watch at a time; default 64
      --no-index     do not keep up side indexes (LOG.index), with which a big
                     log shows its floor at once; see docs/api.md
      --json         {"url", "port", "token", "store"} as the first line
      --help         this text

Each LOG is shown with the logs of its child processes, of each DIR all logs in
it, also those that come later, and what is in --store.
Without stored tokens it makes one for its lifetime, and prints it.
docs/api.md says what it answers: /api/… with the scope read, /v1/ingest with
the scope ingest; /healthz: that it is up; /metrics: what it did (Prometheus).
Ends on SIGINT or SIGTERM, after it has answered what it has begun.
Exit code 0: ended by a signal; 2: bad use, or it cannot listen.

Example: hivelog serve --open hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals: logs } = parse('serve', args, {
      store: { type: 'string' },
      open: { type: 'boolean', default: false },
      port: { type: 'string', default: '4319' },
      host: { type: 'string', default: '127.0.0.1' },
      name: { type: 'string', multiple: true, default: [] },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      tokens: { type: 'string' },
      key: { type: 'string' },
      'max-bytes-per-second': { type: 'string' },
      'max-sessions': { type: 'string', default: '10000' },
      'max-viewers': { type: 'string', default: '64' },
      'no-index': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const port = wholeNumber('--port', values.port, { max: 65_535 })
    const rate = values['max-bytes-per-second']
    const maxViewers = wholeNumber('--max-viewers', values['max-viewers'])
    const limits = {
      ...(rate !== undefined && { bytesPerSecond: wholeNumber('--max-bytes-per-second', rate, { min: 1 }) }),
      sessions: wholeNumber('--max-sessions', values['max-sessions'], { min: 1 }),
    }
    if (logs.length === 0 && values.store === undefined)
      throw new UsageError('name a log or a folder to show, or --store DIR; see hivelog serve --help')
    if (logs.includes('-')) throw new UsageError('serve shows files: standard input cannot be read twice')
    const gone = logs.find((log) => !existsSync(log))
    if (gone !== undefined) throw new UsageError(`there is no ${gone}: name a log, or a folder of logs`)
    const ended = endOf()
    const server = await serve({
      logs,
      doors: [mcpRoutes],
      store: values.store,
      host: values.host,
      hosts: values.name,
      port,
      tokens: values.tokens,
      limits,
      maxViewers,
      index: !values['no-index'],
      tls: await certificate(values['tls-cert'], values['tls-key']),
      ...(values.key !== undefined && { key: await privateKey(values.key) }),
      onError: (message) => say(message),
    })
    const output = new Output()
    const { url, token, store } = server
    const page = token === undefined ? `${url}/` : `${url}/#token=${token}`
    if (values.json) await output.json({ url, port: server.port, token: token ?? null, store: store ?? null })
    else {
      await output.line(page)
      if (store !== undefined) await output.line(`what is received is kept in ${clean(store)}`)
    }
    await output.flush()
    const leading = values.open ? await open(page, token !== undefined) : undefined
    await ended
    leading?.remove()
    await server.close()
    return 0
  },
}

/** @param isSecret whether the address has a token in it @returns what leads to it then */
async function open(page: string, isSecret: boolean): Promise<Leading | undefined> {
  const { env } = io()
  let leading: Leading | undefined
  let why: string | undefined
  try {
    if (isSecret) leading = leadingTo(page, env)
    why = await openInBrowser(leading?.url ?? page, env)
  } catch (error) {
    why = (error as Error).message
  }
  if (why === undefined) return leading
  leading?.remove()
  say(`cannot open the browser (${why}); open the address above in one`)
  return undefined
}

async function certificate(cert: string | undefined, key: string | undefined) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new UsageError('--tls-cert and --tls-key are needed together')
  return { cert: await readInput('the certificate', cert), key: await readInput('the key', key) }
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
