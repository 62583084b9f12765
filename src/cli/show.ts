/** `hivelog show` */
import type { ShownArtifact } from '../analyse/show/artifact.js'
import type { PlacedEvent } from '../analyse/show/places.js'
import type {
  Delivery,
  DrainOutcome,
  EscalationOutcome,
  LifeOutcome,
  Listed,
  MessageOutcome,
  ShowReport,
} from '../analyse/show/report.js'
import { showEvent } from '../analyse/show.js'
import {
  byteSize,
  clean,
  clock,
  columns,
  counted,
  dollars,
  duration,
  fit,
  grouped,
  pad,
} from '../text/terminal.js'
import { type Command, parse } from './args.js'
import { withProgress } from './progress.js'
import { askedFor, printFound, QUERY_HELP, QUERY_OPTIONS, QUERY_OPTIONS_HELP } from './query.js'
import { EventRows, whereIs } from './rows.js'
import { wrapped } from './wrap.js'

const help = `Usage: hivelog show [--log LOG] [--full] [--this-file] [--json] WHAT [FILE]...

Shows one event in full, the content of the artifacts that it names, and what
came of it: of a message, who drained it and when, and its replies; of an
escalation, the decision; of a spawn, the agent's life; of a drain, what it
took; of an approval, what it answers.

${QUERY_HELP}
A WHAT of 8 or more characters can also be the SHA-256 of an artifact, or
how it begins: then its content is shown, and the events that name it.

      --full       all of a content, not only its beginning
${QUERY_OPTIONS_HELP}
      --json       one JSON object: {"files", "lines", "events", "malformed",
                   "lost", "query", "found": "event" | "artifact" | "several" |
                   "nothing", "event", "place": {"log", "file", "line", "seq",
                   "ts"}, "lives": [{"place", "event"}], "artifacts": [{"ref",
                   "field", "path", "status": "ok" | "missing" | "changed",
                   "reason", "bytes", "binary", "text", "cut"}], "outcome":
                   {"type": "message", "deliveries": {"list": [{"agentId",
                   "taken", "tookMs", "dropped", "estimated"}], "more"},
                   "replies", "drops"} | {"type": "escalation", "status", "ms",
                   "decision", "others"} | {"type": "life", "agentId",
                   "status", "end", "ms", "events", "usage"} | {"type":
                   "drain", "took", "unknown", "estimated"} | {"type":
                   "approval", "escalation", "decides"}, "namedBy", "matches",
                   "ok"}; what is unknown is left out
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Exit code 0: shown; 1: there is
no such thing, or several, or an artifact is missing or changed; 2: bad use.

Example: hivelog show 1200 hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('show', args, {
      ...QUERY_OPTIONS,
      full: { type: 'boolean', default: false },
    })
    const asked = await askedFor('show', values, positionals)
    const report = await withProgress((onProgress) =>
      showEvent(asked.files, asked.query, { ...asked.reading, full: values.full, onProgress }),
    )
    const lines = (): Iterable<string> => linesOf(report, values.full)
    return printFound('show', asked, report, { json: values.json, ok: report.ok, lines })
  },
}

/** Lines of a content that are shown unless all of it is asked for. */
const SHOWN_LINES = 40
const NAME = 13

function* linesOf(report: ShowReport, isFull: boolean): Generator<string> {
  const view = new View(isFull)
  if (report.event !== undefined) yield* view.event(report)
  for (const artifact of report.artifacts) yield* view.artifact(artifact)
  if (report.outcome !== undefined) yield* view.outcome(report)
  if (report.namedBy !== undefined) {
    yield ''
    yield report.namedBy.list.length === 0 ? 'no event names it' : 'named by'
    yield* view.listed(report.namedBy)
  }
  if (report.lives !== undefined && report.lives.length > 0) {
    yield ''
    yield `other lives of ${clean(String((report.event as { agentId?: unknown }).agentId))}`
    yield* view.rows.events(report.lives)
  }
}

class View {
  readonly rows = new EventRows()
  readonly #isFull: boolean

  constructor(isFull: boolean) {
    this.#isFull = isFull
  }

  *event({ event, place }: ShowReport): Generator<string> {
    if (event === undefined || place === undefined) return
    const { width } = this.rows
    yield fit(`${clean(event.kind)}  ${whereIs(place)}`, width)
    yield* this.#field('log', place.log)
    const at = new Date(event.ts)
    yield* this.#field('time', `${clock(event.ts, true)}${zoneOf(at)}, ${at.toISOString()}`)
    for (const [name, value] of Object.entries(event)) {
      if (name !== 'ts' && name !== 'kind') yield* this.#field(name, textOf(value))
    }
  }

  *#field(name: string, text: string): Generator<string> {
    const label = clean(name)
    const isLong = columns(label) > NAME
    if (isLong) yield fit(`  ${label}`, this.rows.width)
    let head = isLong ? '' : label
    for (const line of wrapped(text, this.rows.width - NAME - 4)) {
      yield `  ${pad(head, NAME)}  ${line}`.trimEnd()
      head = ''
    }
  }

  *artifact({
    ref,
    field,
    path,
    status,
    reason,
    bytes,
    binary,
    text,
    cut = 0,
  }: ShownArtifact): Generator<string> {
    const { rows } = this
    yield ''
    const size = bytes === undefined ? '' : `  ${byteSize(bytes)}`
    yield fit(
      `content${field === undefined ? '' : ` of ${clean(field)}`}${size}  ${ref.slice(0, 12)}`,
      rows.width,
    )
    for (const line of wrapped(path, rows.width - 2)) yield `  ${line}`
    if (status !== 'ok') {
      for (const line of wrapped(`${status}: ${reason ?? ''}`, rows.width - 4))
        yield rows.paint(`! ${line}`, 'alarm')
      return
    }
    if (binary === true) {
      yield '  it is no text, and not shown'
      return
    }
    let shown = 0
    let length = 0
    for (const line of wrapped(text ?? '', rows.width - 4)) {
      if (!this.#isFull && shown >= SHOWN_LINES) {
        yield `  … and ${byteSize((bytes ?? 0) - length)} more, about; --full shows all`
        return
      }
      shown++
      length += Buffer.byteLength(line)
      yield `  │ ${line}`
    }
    if (cut > 0) yield `  … and ${byteSize(cut)} more${this.#isFull ? '' : '; --full shows all'}`
  }

  *outcome({ outcome }: ShowReport): Generator<string> {
    yield ''
    switch (outcome?.type) {
      case 'message':
        yield* this.#message(outcome)
        break
      case 'escalation':
        yield* this.#escalation(outcome)
        break
      case 'life':
        yield* this.#life(outcome)
        break
      case 'drain':
        yield* this.#drain(outcome)
        break
      case 'approval':
        if (outcome.escalation === undefined) yield 'answers an id that nobody escalated'
        else {
          yield outcome.decides
            ? 'decides'
            : 'decides nothing: that was decided before, or the answer is not clear'
          yield* this.rows.events([outcome.escalation])
        }
    }
  }

  *#message({ deliveries, replies, drops }: MessageOutcome): Generator<string> {
    if (deliveries.list.length === 0) yield 'came into no inbox'
    for (const each of deliveries.list) yield* this.rows.row(deliveryText(each), each.taken)
    yield* more(deliveries, 'inbox')
    if (drops.list.length > 0) {
      yield 'not delivered'
      yield* this.listed(drops)
    }
    yield replies.list.length === 0 ? 'no reply names it' : 'replies'
    yield* this.listed(replies)
  }

  *#escalation({ status, ms, decision, others }: EscalationOutcome): Generator<string> {
    const took = ms === undefined ? '' : `${status === 'pending' ? ' for' : ' after'} ${duration(ms)}`
    yield `${status}${took}${status === 'pending' ? ', as far as the logs go' : ''}`
    if (decision !== undefined) yield* this.rows.events([decision])
    if (others.list.length === 0) return
    yield 'other answers to that id, which decided nothing'
    yield* this.listed(others)
  }

  *#life({ agentId, status, end, ms, events, usage }: LifeOutcome): Generator<string> {
    const { calls, inputTokens, outputTokens, costUsd, unpriced } = usage
    const words = status === 'replaced' ? 'spawned again without having ended' : status
    yield* this.rows.row(
      `${clean(agentId)}: ${words}, ${duration(ms)}, ${counted(events, 'event')}`,
      undefined,
    )
    if (calls > 0) {
      const noPrice = unpriced > 0 ? ` (${grouped(unpriced)} without a cost)` : ''
      const tokens = `${grouped(inputTokens)} tokens in, ${grouped(outputTokens)} out`
      yield* this.rows.row(
        `${counted(calls, 'model call')}, ${tokens}, ${dollars(costUsd)}${noPrice}`,
        undefined,
      )
    }
    if (end !== undefined) yield* this.rows.events([end])
  }

  *#drain({ took, unknown, estimated }: DrainOutcome): Generator<string> {
    const guess = estimated === true ? ' (an estimate: this log does not say which)' : ''
    yield took.list.length === 0 ? `took no message that is in the logs${guess}` : `took${guess}`
    yield* this.listed(took)
    for (const id of unknown.list)
      yield* this.rows.row(`  an id that no message has: ${clean(id)}`, undefined)
    yield* more(unknown, 'id')
  }

  *listed(events: Listed<PlacedEvent>): Generator<string> {
    yield* this.rows.events(events.list)
    yield* more(events, 'event')
  }
}

function* more({ more: count }: Listed<unknown>, noun: string): Generator<string> {
  if (count > 0) yield `  … and ${counted(count, noun)} more`.replace('inboxs', 'inboxes')
}

function deliveryText({ agentId, taken, tookMs, dropped, estimated }: Delivery): string {
  const guess = estimated === true ? ' (an estimate)' : ''
  if (taken !== undefined) {
    const took = tookMs === undefined ? '' : ` after ${duration(tookMs)}`
    return `drained by ${clean(agentId)} ${clock(taken.ts, true)}${took}${guess}`
  }
  if (dropped !== undefined) return `not delivered to ${clean(agentId)}: ${clean(dropped)}`
  return `waits in the inbox of ${clean(agentId)}${guess}`
}

/** A field as it is: texts without quotes, the rest as JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value, null, typeof value === 'object' ? 1 : undefined)
  } catch {
    return '(nested too deeply)'
  }
}

function zoneOf(date: Date): string {
  const minutes = -date.getTimezoneOffset()
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  return ` ${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
}
