/** `hivelog mcp` */
import { existsSync } from 'node:fs'
import { pad } from '../text/terminal.js'
import { type Command, defaultFile, parse, UsageError } from './args.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { endOf } from './until-signal.js'

const help = `Usage: hivelog mcp [LOG|DIR]...
       hivelog mcp --from URL --session S

Lets an agent ask about logs: a server of the Model Context Protocol on standard
input and output, to be started by the agent's program (docs/mcp.md). Tools:
overview, search_events, get_events, state_at, inbox, agent_story, talk, why,
audit, cost, check, diff, verify. They tell what the commands tell, a bounded
part at a time, each claim with its line, and what agents wrote marked as such.
None of them changes anything, and none can decide what waits for a person.

      --tools       print what tools there are, and end
      --json        with --tools: as JSON, with what each takes
      --help        this text

LOG is $HIVELOG_FILE or hive.jsonl by default, with the logs of its child
processes; of a DIR all logs in it, also those that come later. What grows is
told as it is when it is asked for. --from URL --session S instead: what a store
has, as it is now (see pull); a hivelog serve that runs is asked at its own
address, URL/mcp, with a token of the scope read, and tells what is new, too.
Ends with its input, or on SIGINT or SIGTERM. Exit code 0: ended; 2: bad use.

Example: hivelog mcp /var/log/hives
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('mcp', args, {
      tools: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    if (values.tools) return printTools(values.json)
    if (values.json) throw new UsageError('--json goes with --tools; see hivelog mcp --help')
    const logs = positionals.length > 0 ? positionals : [defaultFile()]
    if (logs.includes('-'))
      throw new UsageError('mcp is asked on standard input: name a log, or a folder of logs')
    const gone = logs.find((log) => !existsSync(log))
    if (gone !== undefined) throw new UsageError(`there is no ${gone}: name a log, or a folder of logs`)
    const { stdin, stdout } = io()
    const { answerStdio } = await import('../mcp/stdio.js')
    await answerStdio({ logs, stdin, stdout, until: endOf(), onError: (message) => say(message) })
    return 0
  },
}

async function printTools(asJson: boolean): Promise<number> {
  const { toolEntries } = await import('../mcp/server.js')
  const output = new Output()
  if (asJson) await output.json(toolEntries)
  else for (const { name, title } of toolEntries) await output.line(`${pad(name, 15)}${title}`)
  await output.flush()
  return 0
}
