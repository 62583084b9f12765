/** `hivelog token` */
import { join } from 'node:path'
import { SCOPES, type Scope, Tokens } from '../serve/tokens.js'
import { clean, clock } from '../text/terminal.js'
import { type Command, oneOf, parse, UsageError } from './args.js'
import { Output, say } from './output.js'

const help = `Usage: hivelog token add NAME --store DIR [--scope SCOPE[,SCOPE]]
       hivelog token list --store DIR [--json]
       hivelog token revoke NAME --store DIR

Who may send to a server, and see what is there. A token is printed once; the
server stores its hash. What is changed holds at once, also for a server that
runs.

      --store DIR     the server's store; its tokens are in DIR/tokens.json
      --tokens FILE   another file of tokens
      --scope SCOPES  ingest (default): send logs; read: see what the server
                      did; decide: answer escalations
      --json          list as one JSON object: {"tokens": [{"name", "scopes",
                      "created"}]}
      --help          this text

Exit code 0: done; 1: there is no token of that name; 2: bad use.

Example: hivelog token add build-7 --scope ingest --store fleet
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('token', args, {
      store: { type: 'string' },
      tokens: { type: 'string' },
      scope: { type: 'string', multiple: true, default: ['ingest'] },
      json: { type: 'boolean', default: false },
    })
    const [given = '', name, ...others] = positionals
    const act = oneOf('token', given, ['add', 'list', 'revoke'])
    const file = values.tokens ?? (values.store === undefined ? undefined : join(values.store, 'tokens.json'))
    if (file === undefined) throw new UsageError('token needs --store DIR; see hivelog token --help')
    if ((act === 'list') !== (name === undefined) || others.length > 0) {
      throw new UsageError(
        `token ${act} takes ${act === 'list' ? 'no NAME' : 'one NAME'}; see hivelog token --help`,
      )
    }
    const tokens = new Tokens(file)
    const output = new Output()
    if (act === 'list') {
      const stored = tokens.stored.map(({ sha256: _, ...token }) => token)
      if (values.json) await output.json({ tokens: stored })
      else
        for (const token of stored)
          await output.line(`${clean(token.name)}  ${token.scopes.join(',')}  ${clock(token.created, true)}`)
      await output.flush()
      return 0
    }
    if (act === 'add') {
      const scopes = values.scope
        .flatMap((text) => text.split(','))
        .map((scope) => oneOf('--scope', scope, SCOPES))
      await output.line(tokens.add(name as string, [...new Set<Scope>(scopes)]))
      await output.flush()
      return 0
    }
    if (tokens.revoke(name as string) > 0) return 0
    say(`there is no token ${name}`)
    return 1
  },
}
