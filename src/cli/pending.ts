/** `hivelog pending` */
import type { AuditCase } from '../analyse/audit/report.js'
import { auditTrail } from '../analyse/audit.js'
import type { Decision } from '../decide/decisions.js'
import { sentDecision } from '../decide/taker.js'
import { standingsIn } from '../decide/whole-log.js'
import { clean, clock, counted, duration, fit, paint, shownId, whereIs } from '../text/terminal.js'
import { type Command, oneFile, parse } from './args.js'
import { isOpen, whoDecided } from './deciding.js'
import { tellNothing } from './hive-args.js'
import { look, Output } from './output.js'
import { withProgress } from './progress.js'

const help = `Usage: hivelog pending [--this-file] [--json] [FILE]

What agents ask people and nobody has decided, oldest first: who asks what, for
how long it waits, and its id, by which hivelog approve and hivelog reject
decide it. An id that is shown in quotation marks is given with them, in single
quotes. A decision that was sent and is not in the log yet is said.

      --this-file  only FILE's own, not those of the logs of its child processes
                   in FILE.agents
      --json       one JSON object: {"file", "asOf", "pending": [{"id",
                   "status", "ts", "waitingMs", "asker": {"agentId", "name",
                   "parent", "role"}, "to", "subject", "place": {"log", "file",
                   "line", "seq", "offset", "sealed"}, "sent": {"approve", "by",
                   "via", "note", "ts", "question"}}], "more"}; what is
                   unknown is left out
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: done, pending or not; 1: no event there; 2: bad use, or no log.

Example: hivelog pending hive.jsonl
`

interface Waiting {
  item: AuditCase
  sent: Decision | undefined
}

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('pending', args, {
      'this-file': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('pending', positionals)
    const thisFile = values['this-file']
    const asOf = Date.now()
    const trail = await withProgress((onProgress) =>
      auditTrail(file, { thisFile, pending: true, asOf, onProgress }),
    )
    const nothing = await tellNothing([file], thisFile)
    if (nothing !== undefined) return nothing
    const waiting = trail.cases
      .filter((item) => isOpen(item))
      .map((item) => ({
        item,
        sent: item.id === undefined ? undefined : sentDecision(item.place.log ?? file, item.id, undefined),
      }))
    await leaveOthers(waiting, file)
    const more = trail.notListed.escalations
    const output = new Output()
    if (values.json)
      await output.json({ file, asOf, pending: waiting.map(asJson), ...(more > 0 && { more }) })
    else for (const line of lines(waiting, more, asOf)) await output.line(line)
    await output.flush()
    return 0
  },
}

/** A decision that is of what was asked before under an id is not sent for what waits now. */
async function leaveOthers(waiting: Waiting[], file: string): Promise<void> {
  for (const each of waiting) {
    if (each.sent === undefined) continue
    const standings = await standingsIn(each.item.place.log ?? file, [each.sent.id])
    if (standings.isOf(each.sent) === false) each.sent = undefined
  }
}

function asJson({ item, sent }: Waiting): object {
  const { id, status, ts, waitingMs, asker, to, subject, place } = item
  return { id, status, ts, waitingMs, asker, to, subject, place, ...(sent !== undefined && { sent }) }
}

function* lines(waiting: readonly Waiting[], more: number, asOf: number): Generator<string> {
  const { color, width } = look()
  for (const { item, sent } of waiting) {
    const { id, subject, asker, to, ts, place } = item
    const who = clean(asker.name ?? asker.agentId ?? '?')
    const age = `waits ${duration(Math.max(0, asOf - ts))}`
    yield paint(
      fit(
        `${id === undefined ? '(no id)' : shownId(id)}  ${subject === undefined ? '(no subject)' : clean(subject)}`,
        width,
      ),
      'bold',
      color,
    )
    yield fit(`  ${age}, asked ${clock(ts, true)} by ${who} → ${clean(to ?? '?')}  ${whereIs(place)}`, width)
    if (item.status === 'unclear') yield '  an answer came that is neither yes nor no'
    if (sent !== undefined)
      yield fit(
        `  ${sent.approve ? 'approved' : 'rejected'} by ${whoDecided(sent)}: sent, not in the log yet`,
        width,
      )
  }
  if (more > 0) yield `${counted(more, 'escalation')} more are not listed`
  const open = waiting.filter(({ sent }) => sent === undefined).length
  if (waiting.length === 0) yield 'nothing is pending'
  else if (open === 0) yield 'no decision to take: all were sent, and wait for the log'
  else
    yield paint(`${counted(open, 'decision')} to take: hivelog approve ID, hivelog reject ID`, 'dim', color)
}
