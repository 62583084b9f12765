/** `hivelog state` */
import { stateAnswer, stateAt } from '../analyse/replay.js'
import { logsOfHive } from '../read/hive.js'
import { type Command, defaultFile, parse, UsageError, wholeNumber } from './args.js'
import { tellNothing, tellNothingRead } from './hive-args.js'
import { spanFor } from './log-times.js'
import { look, Output, say } from './output.js'
import { Progress } from './progress.js'
import { stateLines } from './state-text.js'
import { outsideNote, parseTime } from './times.js'

const help = `Usage: hivelog state [--at SEQ | --time T] [--this-file] [--no-index] [--json]
                     [FILE|-]...

Shows what the hive was after an event: who existed and in what state, each
inbox (routed and not yet drained), what was pending with the human, tokens and
cost so far, the last snapshot. Without --at and --time: after the last event.
docs/hive.md says by what rules. Counts of a foreign log that had to be guessed
are marked with ≈.

      --at SEQ     after event SEQ of the (first) FILE (in a log without seq:
                   line SEQ), and what other logs tell before it
      --time T     just before the first event later than T: 14:03 (on the log's
                   last day that has it), 2026-08-22T14:03:07, 30m (ago),
                   yesterday, or epoch milliseconds; --until is the same
      --this-file  only the FILEs, without the logs of their child processes in
                   FILE.agents
      --no-index   walk the whole log instead of using FILE.index, the side
                   index that makes this quick on big logs, and lets other
                   commands pass over what they do not need; it is made and
                   kept up to date by itself and can be deleted at any time. A
                   hive of several logs is always read as a whole
      --json       one JSON object: {"file", "seq", "ts", "firstTs", "events",
                   "messages", "malformed", "lost", "writer": {"writer", "pid",
                   "host", "session", "segment", "started", "since"}, "agents":
                   [{"agentId", "name", "isGod", "parent", "role", "model",
                   "pid", "session", "status", "since", "sinceSeq", "error",
                   "lives", "spawnSeq", "spawnTs", "events", "lastSeq",
                   "lastTs", "usage", "snapshot"}], "inboxes": [{"recipient",
                   "waiting", "estimated", "messages": [{"seq", "ts", "id",
                   "from", "act", "subject", "requiresReply"}]}], "pending":
                   [{"id", "seq", "ts", "from", "to", "subject"}], "usage":
                   {"calls", "inputTokens", "outputTokens", "cacheReadTokens",
                   "cacheWriteTokens", "costUsd", "unpriced"}, "snapshot":
                   {"seq", "ts", "agentId", "label", "ref", "bytes"},
                   "estimated", "unlisted": {"endedAgents", "pending",
                   "messages", "livingAgents"}}; what is not known is left out;
                   the newest 100 messages of an inbox are listed, and the last
                   10,000 agents that ended. Of several logs also "logs":
                   [{"log", "seq", "ts", "writer", "foreign"}], and agents,
                   messages, pending ones and snapshots have "log", "file" and
                   "line"
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default; several FILEs are one hive.
Exit code 0: done; 1: no event in it; 2: bad use, or no log at all.

Example: hivelog state --at 1200 hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('state', args, {
      at: { type: 'string' },
      time: { type: 'string' },
      until: { type: 'string' },
      'this-file': { type: 'boolean', default: false },
      'no-index': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    const [file] = files as [string]
    const thisFile = values['this-file']
    if ([values.at, values.time, values.until].filter((value) => value !== undefined).length > 1) {
      throw new UsageError('--at and --time cannot be given together; see hivelog state --help')
    }
    const at = values.at === undefined ? undefined : wholeNumber('--at', values.at)
    const { time, outside } = await timeOf(values, files, thisFile)
    const progress = new Progress('reading')
    const state = await stateAt(
      files,
      {
        ...(at !== undefined && { at }),
        ...(time !== undefined && { time }),
        thisFile,
        index: !values['no-index'],
        onProgress: progress.update,
      },
      // People are shown the newest of each inbox.
      values.json ? 'all' : 'newest',
    ).finally(() => progress.end())
    if (state.events === 0) {
      const { events, malformed } = state
      const lines = malformed + (state.ts === undefined ? 0 : 1)
      const isWhole = at === undefined && time === undefined
      const code =
        (await tellNothing(files, thisFile)) ??
        (isWhole ? tellNothingRead(files, { lines, events, malformed }) : undefined)
      if (code !== undefined) return code
    }
    if (outside !== undefined) say(outside)
    const output = new Output()
    const note = at !== undefined && at > state.seq ? `the log ends at seq ${state.seq}` : undefined
    if (values.json) {
      if (note !== undefined) say(note)
      await output.json(stateAnswer(file, state))
    } else {
      const logs = logsOfHive(files, thisFile).length
      for (const line of stateLines(file, state, { ...look(), logs })) await output.line(line)
      if (note !== undefined) await output.line(`note: ${note}`)
    }
    await output.flush()
    return 0
  },
}

/** The time that was asked for, and what is to be said of it if the log is of another. */
async function timeOf(
  { time, until }: { time?: string | undefined; until?: string | undefined },
  files: readonly string[],
  thisFile: boolean,
): Promise<{ time?: number; outside?: string | undefined }> {
  const value = time ?? until
  if (value === undefined) return {}
  const option = time === undefined ? '--until' : '--time'
  const now = Date.now()
  const given = { option, value, tellsBefore: true, tellsAfter: true }
  const span = await spanFor([given], files, thisFile, now)
  const ms = parseTime(option, value, { span, now })
  return { time: ms, outside: outsideNote(option, ms, span) }
}
