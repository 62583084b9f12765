/** `hivelog state` */
import { replay } from '../analyse/replay.js'
import { type Command, oneFile, parse, UsageError, wholeNumber } from './args.js'
import { look, Output } from './output.js'
import { Progress } from './progress.js'
import { stateLines } from './state-text.js'
import { clean, clock } from './text.js'
import { parseTime } from './times.js'

const help = `Usage: hivelog state [--at SEQ | --time T] [--no-index] [--json] [FILE|-]

Shows what the hive was after an event: who existed and in what state, each
inbox (routed and not yet drained), what was pending with the human, tokens and
cost so far, the last snapshot. Without --at and --time: after the last event.

      --at SEQ     after event SEQ (in a log without seq: line SEQ)
      --time T     just before the first event later than T: 14:03,
                   2026-08-22T14:03:07 (local, or with Z) or epoch milliseconds
      --no-index   walk the whole log instead of using FILE.index, the side
                   index that makes this quick on big logs; it is made and kept
                   up to date by itself and can be deleted at any time
      --json       one JSON object: {"file", "seq", "ts", "firstTs", "events",
                   "messages", "malformed", "lost", "writer": {"writer", "pid",
                   "host", "session", "segment", "since"}, "agents":
                   [{"agentId", "name", "isGod", "parent", "role", "model",
                   "pid", "session", "status", "since", "sinceSeq", "error",
                   "lives", "spawnSeq", "spawnTs", "events", "lastSeq",
                   "lastTs", "usage", "snapshot"}], "inboxes": [{"recipient",
                   "waiting", "messages": [{"seq", "ts", "id", "from", "act",
                   "subject", "requiresReply"}]}], "pending": [{"id", "seq",
                   "ts", "from", "to", "subject"}], "usage": {"calls",
                   "inputTokens", "outputTokens", "cacheReadTokens",
                   "cacheWriteTokens", "costUsd", "unpriced"}, "snapshot":
                   {"seq", "ts", "agentId", "label", "ref", "bytes"},
                   "unlisted": {"endedAgents", "pending", "messages"}}; what is
                   not known is left out; the newest 100 messages of an inbox
                   are listed, and the last 10,000 agents that ended
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default.

Example: hivelog state --at 1200 hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('state', args, {
      at: { type: 'string' },
      time: { type: 'string' },
      'no-index': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('state', positionals)
    if (values.at !== undefined && values.time !== undefined) {
      throw new UsageError('--at and --time cannot be given together; see hivelog state --help')
    }
    const at = values.at === undefined ? undefined : wholeNumber('--at', values.at)
    const time = values.time === undefined ? undefined : parseTime('--time', values.time)
    const progress = new Progress('reading')
    const state = await replay(file, {
      ...(at !== undefined && { at }),
      ...(time !== undefined && { time }),
      index: !values['no-index'],
      onProgress: progress.update,
    }).finally(() => progress.end())
    const output = new Output()
    if (values.json) {
      const { carry: _, ...told } = state
      await output.json({ file, ...told })
    } else {
      for (const line of stateLines(file, state, look())) await output.line(line)
      if (at !== undefined && at > state.seq) await output.line(`note: the log ends at seq ${state.seq}`)
      if (time !== undefined && state.ts === undefined) {
        await output.line(`note: ${clean(file)} begins after ${clock(time, true)}`)
      }
    }
    await output.flush()
    return 0
  },
}
