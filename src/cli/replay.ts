/** `hivelog replay` */
import { setTimeout as pause } from 'node:timers/promises'
import { type Step, visitLog } from '../analyse/replay.js'
import type { Target } from '../analyse/side-index/walk.js'
import type { StateChange } from '../analyse/state/changes.js'
import { isMalformed, type LogItem } from '../read/items.js'
import { type Command, oneFile, parse, UsageError } from './args.js'
import { formatEvent, formatMalformed } from './format-event.js'
import { itemFilter } from './item-filter.js'
import { Keys } from './keys.js'
import { look, Output, say } from './output.js'
import { clean, dollars, fit, grouped, paint } from './text.js'
import { parseDuration, parseTime } from './times.js'

const help = `Usage: hivelog replay [--from X] [--to X] [--speed N] [--max-pause D] [--step]
                      [--agent A]... [--kind K]... [--json] [FILE|-]

Shows a log's events at their own pace, each with what it changed in the hive:
who came and went, what waits in which inbox, what is pending with the human,
tokens and cost so far.

      --from X        begin with event X (a seq), or with the first event later
                      than the time X (14:03, 2026-08-22T14:03:07); the events
                      before it count, but are not shown
      --to X          end with event X, or before the first later than time X
      --speed N       N times as fast; 0 for no pauses at all (default 1)
      --max-pause D   longest pause between two events (default 5s)
      --step          wait for a key before each event; q ends
      --agent A       only events of, from or to this agent; several times
      --kind K        only events of this kind; several times
      --json          one JSON object an event: {"seq", "event", "changes":
                      [{"type": "status", "agentId", "from", "to"} |
                      {"type": "name" | "role", "agentId", "from", "to"} |
                      {"type": "inbox", "recipient", "before", "waiting"} |
                      {"type": "pending", "id", "delta", "pending"} |
                      {"type": "usage", "agentId", "agent", "hive"} |
                      {"type": "lost", "events", "total"}]}
      --help          this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Malformed lines are shown, and
do not change the exit code.

Example: hivelog replay --from 14:00 --speed 10 --agent coder hive.jsonl
`

/** No timer runs longer. */
const MAX_PAUSE_MS = 24 * 86_400_000

/** A digit string that is shorter than epoch milliseconds is a seq. */
const SEQ = /^\d{1,10}$/

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('replay', args, {
      from: { type: 'string' },
      to: { type: 'string' },
      speed: { type: 'string', default: '1' },
      'max-pause': { type: 'string', default: '5s' },
      step: { type: 'boolean', default: false },
      agent: { type: 'string', multiple: true },
      kind: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('replay', positionals)
    if (values.step && file === '-')
      throw new UsageError('--step takes the keys from standard input; name a file')
    const pace = new Pace(
      speedOf(values.speed),
      parseDuration('--max-pause', values['max-pause'], MAX_PAUSE_MS),
    )
    const filter = itemFilter(values.kind, values.agent)
    const output = new Output()
    const print = printer(output, values.json)
    const from = values.from === undefined ? undefined : startOf(values.from)
    const to = values.to === undefined ? undefined : targetOf('--to', values.to)
    if (isAfter(from, to)) throw new UsageError(`--from ${values.from} is after --to ${values.to}`)
    const keys = values.step ? new Keys() : undefined
    try {
      await visitLog(file, { ...(from && { from }), ...(to && { to }) }, async (step) => {
        if (filter !== undefined && !filter(step.item)) return true
        if (keys !== undefined && !(await keys.next())) return false
        if (keys === undefined) await pace.before(step.item, output)
        await print(step)
        if (keys !== undefined) await output.flush()
        return true
      })
    } finally {
      keys?.close()
      await output.flush()
    }
    return 0
  },
}

/** Holds each event back until its time has come. */
class Pace {
  readonly #speed: number
  readonly #maxPause: number
  #last: number | undefined

  constructor(speed: number, maxPause: number) {
    this.#speed = speed
    this.#maxPause = maxPause
  }

  async before(item: LogItem, output: Output): Promise<void> {
    if (this.#speed === 0 || isMalformed(item)) return
    const { ts } = item.event
    const ms = this.#last === undefined ? 0 : Math.min((ts - this.#last) / this.#speed, this.#maxPause)
    this.#last = ts
    if (ms < 1) return
    await output.flush()
    await pause(ms)
  }
}

function printer(output: Output, json: boolean): (step: Step) => Promise<void> {
  if (json) {
    return async ({ item, changes }) => {
      let reason = 'nested too deeply'
      if (isMalformed(item)) reason = item.reason
      else if (await printed(output, { seq: item.seq, event: item.event, changes })) return
      const place = item.line === undefined ? `at byte ${item.offset}` : `line ${item.line}`
      say(`${item.file} ${place}: ${reason}; left out`)
    }
  }
  const { color, width } = look()
  return async ({ item, changes }) => {
    if (isMalformed(item)) {
      await output.line(formatMalformed(item, { color, width }))
      return
    }
    await output.line(formatEvent(item.event, { color, width }))
    if (changes.length === 0) return
    const text = fit(`  ↳ ${changes.map(changeText).join(' · ')}`, width)
    await output.line(paint(text, 'dim', color))
  }
}

/** What can be parsed can be nested too deeply to be written again. */
async function printed(output: Output, value: object): Promise<boolean> {
  try {
    await output.json(value)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function changeText(change: StateChange): string {
  switch (change.type) {
    case 'status': {
      const { agentId, from, to } = change
      return from === undefined ? `${clean(agentId)} is ${to}` : `${clean(agentId)} ${from} → ${to}`
    }
    case 'name':
    case 'role':
      return `${clean(change.agentId)} ${change.type} ${clean(change.from ?? 'none')} → ${clean(change.to)}`
    case 'inbox':
      return `inbox of ${clean(change.recipient)} ${grouped(change.before)} → ${grouped(change.waiting)}`
    case 'pending':
      return change.delta === -1 || change.delta === 1
        ? `pending ${grouped(change.pending - change.delta)} → ${grouped(change.pending)}`
        : `pending still ${grouped(change.pending)}`
    case 'usage': {
      const { inputTokens, outputTokens, costUsd } = change.hive
      return `so far ${grouped(inputTokens + outputTokens)} tokens, ${dollars(costUsd)}`
    }
    case 'lost':
      return `${grouped(change.total)} lost so far`
  }
}

/** The state that lies before what is to be shown. */
function startOf(value: string): Target {
  const target = targetOf('--from', value)
  return target.seq === undefined ? target : { seq: Math.max(0, target.seq - 1) }
}

function isAfter(from: Target | undefined, to: Target | undefined): boolean {
  const { seq: firstSeq = Number.NaN, time: firstTime = Number.NaN } = from ?? {}
  return firstSeq >= (to?.seq ?? Number.NaN) || firstTime > (to?.time ?? Number.NaN)
}

function targetOf(option: string, value: string): Target {
  return SEQ.test(value) ? { seq: Number(value) } : { time: parseTime(option, value) }
}

function speedOf(value: string): number {
  const speed = /^\d{1,6}(?:\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(speed)) throw new UsageError(`--speed needs a number from 0 to 999999, not '${value}'`)
  return speed
}
