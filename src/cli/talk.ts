/** `hivelog talk` */
import type { Delivery } from '../analyse/show/report.js'
import type { PartnersReport, TalkItem, TalkReport } from '../analyse/talk/report.js'
import { talkBetween, talkPartners } from '../analyse/talk.js'
import { clean, clock, counted, duration, fit, grouped } from '../text/terminal.js'
import { type Command, parse, UsageError, wholeNumber } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, tellNothingRead } from './hive-args.js'
import { nearest } from './nearest.js'
import { Output, say } from './output.js'
import { withProgress } from './progress.js'
import { EventRows } from './rows.js'
import { table } from './table.js'

const help = `Usage: hivelog talk [-n N] [OPTION]... A [B] [FILE]...

Shows the conversation of two agents: the messages between them, hand-offs,
escalations and decisions, also broadcasts and what was delivered to them by
another name; by thread, each before its answers, which stand further in; when
it was drained; and what asks for an answer and has none. With A alone: with
whom A talks, how much, when last, and what waits for an answer.

A and B are ids of agents, or human, god, scheduler. What comes after A is B,
unless it ends in .jsonl; what stands after -- is a FILE in any case.

  -n, --lines N     only the last N messages (default 10,000)
${HIVE_HELP}
      --json        one JSON object; of two: {"files", "lines", "events",
                    "malformed", "lost", "a", "b", "items": [{"place",
                    "event", "from": "a" | "b", "thread", "depth",
                    "deliveries": [{"agentId", "taken", "tookMs", "dropped",
                    "estimated"}], "unanswered", "repliesTo"}], "threads",
                    "counts": {"fromA", "fromB", "unanswered"}, "notListed",
                    "unknown", "names"}; of one: {…, "a", "partners":
                    [{"name", "sent", "received", "firstTs", "lastTs",
                    "last", "awaited", "owed"}], "notListed", "unknown",
                    "names"}; awaited: asked by A without an answer, owed:
                    asked of A
      --help        this text

What asks is a message with requiresReply, or of act request, query or propose.
What answers names it (inReplyTo), is of its conversation, or names nothing.
All is read, so that answers and drains after --until count too.
FILE is $HIVELOG_FILE or hive.jsonl by default. Exit code 0: shown; 1: they have
not talked; 2: bad use.

Example: hivelog talk lead coder hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('talk', args, {
      lines: { type: 'string', short: 'n' },
      ...HIVE_OPTIONS,
      json: { type: 'boolean', default: false },
    })
    const { a, b, files: named } = whoAndFiles(args, positionals)
    const limit = values.lines === undefined ? undefined : wholeNumber('--lines', values.lines, { min: 1 })
    const { files, thisFile, since, until, notes } = await hiveArguments('talk', values, named)
    const options = {
      thisFile,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(limit !== undefined && { limit }),
    }
    for (const note of notes) say(note)
    const output = new Output()
    const report =
      b === undefined
        ? await withProgress((onProgress) => talkPartners(files, a, { ...options, onProgress }))
        : await withProgress((onProgress) => talkBetween(files, a, b, { ...options, onProgress }))
    const isEmpty = 'items' in report ? report.items.length === 0 : report.partners.length === 0
    if (values.json) await output.json(report)
    else if (!isEmpty) {
      for (const line of 'items' in report ? talkLines(report) : partnerLines(report)) await output.line(line)
    }
    await output.flush()
    if (!isEmpty) return 0
    if (values.json) return 1
    const none = tellNothingRead(files, report)
    if (none === undefined) say(whyNothing(report, b))
    return none ?? 1
  },
}

/** What ends so is a log, unless `--` says where the names end. */
const LOG = /\.jsonl(?:\.gz)?$|^-$/

/** `A B FILE...`, `A FILE.jsonl`, `A -- FILE...`, `A B -- FILE...` */
function whoAndFiles(
  args: readonly string[],
  positionals: readonly string[],
): { a: string; b: string | undefined; files: string[] } {
  const end = args.indexOf('--')
  const after = end === -1 ? 0 : args.length - end - 1
  const isOne = end === -1 && LOG.test(positionals[1] ?? '')
  const names = positionals.slice(0, Math.min(isOne ? 1 : 2, positionals.length - after))
  const [a, b] = names
  if (a === undefined) throw new UsageError('name an agent, or two; see hivelog talk --help')
  return { a, b, files: positionals.slice(names.length) }
}

function whyNothing(report: TalkReport | PartnersReport, b: string | undefined): string {
  const [unknown] = report.unknown
  if (unknown === undefined) {
    const what = b === undefined ? 'has talked with nobody' : `and ${b} have not talked`
    return `${report.a} ${what} (${counted(report.events, 'event')} read)`
  }
  const meant = nearest(unknown, report.names)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return `no event is from or to ${unknown} (${counted(report.events, 'event')} read)${hint}`
}

/** Levels of answers that are set further in. */
const MAX_INDENT = 8

function* talkLines(report: TalkReport): Generator<string> {
  const { a, b, items, threads, counts, notListed } = report
  const rows = new EventRows()
  let thread = 0
  for (const item of items) {
    if (item.thread !== thread && thread > 0) yield ''
    thread = item.thread
    yield* itemLines(item, rows)
  }
  yield ''
  const each = `${clean(fit(a, 30))} ${grouped(counts.fromA)}, ${clean(fit(b, 30))} ${grouped(counts.fromB)}`
  const all = counted(counts.fromA + counts.fromB, 'message')
  yield fit(`${all}: ${each}; ${counted(threads, 'thread')}`, rows.width)
  if (counts.unanswered > 0) {
    const verb = counts.unanswered === 1 ? 'asks' : 'ask'
    yield rows.paint(
      `${grouped(counts.unanswered)} of them ${verb} and ${counts.unanswered === 1 ? 'has' : 'have'} no answer`,
      'alarm',
    )
  }
  if (notListed > 0) yield `not listed: ${counted(notListed, 'older message')}; -n shows more`
}

function* itemLines(item: TalkItem, rows: EventRows): Generator<string> {
  const indent = '  '.repeat(Math.min(item.depth, MAX_INDENT))
  const deep = item.depth > MAX_INDENT ? `${item.depth} ` : ''
  yield rows.event(item, `${indent}${deep}${item.unanswered === true ? '? ' : '  '}`)
  const notes = item.deliveries.map(deliveryText)
  const isMessage = item.event.kind === 'message'
  if (isMessage && item.deliveries.length === 0) notes.push('came into no inbox of theirs')
  if (item.repliesTo !== undefined) notes.push(`answers ${clean(fit(item.repliesTo, 40))}, not shown here`)
  if (item.unanswered === true) notes.push('no answer')
  if (notes.length > 0) yield rows.paint(`${indent}      ${notes.join('; ')}`, 'dim')
}

function deliveryText({ agentId, taken, tookMs, dropped, estimated }: Delivery): string {
  const guess = estimated === true ? ', about' : ''
  if (dropped !== undefined) return `not delivered: ${clean(fit(dropped, 60))}`
  if (taken === undefined) return `waits for ${clean(fit(agentId, 40))}${guess}`
  const took = tookMs === undefined ? '' : `, after ${duration(tookMs)}`
  return `drained ${clock(taken.ts, false)}${took}${guess}`
}

function* partnerLines({ a, partners, notListed }: PartnersReport): Generator<string> {
  const { width } = new EventRows()
  yield fit(`${clean(a)} talks with ${counted(partners.length + notListed, 'other')}`, width)
  const names = ['with', 'last', 'sent', 'received', 'unanswered by them', `by ${fit(clean(a), 12)}`]
  const rows = partners.map(({ name, lastTs, sent, received, awaited, owed }) => [
    name,
    clock(lastTs, true).slice(0, -4),
    grouped(sent),
    grouped(received),
    grouped(awaited),
    grouped(owed),
  ])
  yield* table(names, rows, { textColumns: 2, width, maxRows: 50 })
  if (notListed > 0) yield `not counted: ${counted(notListed, 'name')} more`
}
