/** `hivelog replay` */
import { setTimeout as pause } from 'node:timers/promises'
import { type Step, visitLog } from '../analyse/replay.js'
import type { Target } from '../analyse/side-index/walk.js'
import type { StateChange } from '../analyse/state/changes.js'
import { logsOfHive } from '../read/hive.js'
import { isMalformed, type LogItem } from '../read/items.js'
import { clean, dollars, fit, grouped, paint } from '../text/terminal.js'
import { type Command, defaultFile, parse, UsageError } from './args.js'
import { HIVE_OPTIONS, tellNothing } from './hive-args.js'
import { itemFilter } from './item-filter.js'
import { Keys } from './keys.js'
import { type GivenTime, spanFor } from './log-times.js'
import { look, Output, say } from './output.js'
import { itemText } from './print-item.js'
import { Progress } from './progress.js'
import { outsideNote, parseDuration, parseTime } from './times.js'

const help = `Usage: hivelog replay [--from X] [--to X] [--speed N] [--max-pause D] [--step]
                      [--agent A]... [--kind K]... [--this-file] [--json]
                      [FILE|-]...

Shows a log's events at their own pace, each with what it changed in the hive:
who came and went, what waits in which inbox, what is pending with the human,
tokens and cost so far.

      --from X        begin with event X (a seq of the first FILE), or with the
                      first event later than the time X (14:03, on the log's
                      last day that has it; 2026-08-22T14:03:07; 30m, ago); the
                      events before it count, but are not shown
      --to X          end with event X, or before the first later than time X
      --since TIME    as --from, an event of that very time included
      --until TIME    as --to
      --this-file     only the FILEs, without the logs of their child processes
                      in FILE.agents
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
                      {"type": "lost", "events", "total"}]}; of a hive of
                      several logs also "log", "file" and "line"
      --help          this text

FILE is $HIVELOG_FILE or hive.jsonl by default; several FILEs are one hive. The
side index that hivelog state keeps serves hives of one log. Malformed lines are
shown. Exit code 0: done; 1: no event in it; 2: bad use, or no log at all.

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
      ...HIVE_OPTIONS,
      json: { type: 'boolean', default: false },
    })
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    const thisFile = values['this-file']
    if (values.step && files.includes('-'))
      throw new UsageError('--step takes the keys from standard input; name a file')
    const pace = new Pace(
      speedOf(values.speed),
      parseDuration('--max-pause', values['max-pause'], MAX_PAUSE_MS),
    )
    const filter = itemFilter(values.kind, values.agent)
    const output = new Output()
    const print = printer(output, values.json, files, logsOfHive(files, thisFile).length > 1)
    const { from, to, notes } = await rangeOf(values, files, thisFile)
    for (const note of notes) say(note)
    let isEmpty = true
    const keys = values.step ? new Keys() : undefined
    const progress = new Progress('reading')
    try {
      const reading = { ...(from && { from }), ...(to && { to }), thisFile, onProgress: progress.update }
      await visitLog(files, reading, async (step) => {
        progress.end()
        if (!isMalformed(step.item) && !step.item.event.kind.startsWith('log.')) isEmpty = false
        if (filter !== undefined && !filter(step.item)) return true
        if (keys !== undefined && !(await keys.next())) return false
        if (keys === undefined) await pace.before(step.item, output)
        await print(step)
        if (keys !== undefined) await output.flush()
        return true
      })
    } finally {
      progress.end()
      keys?.close()
      await output.flush()
    }
    return (isEmpty ? await tellNothing(files, thisFile) : undefined) ?? 0
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

/** @param isSeveral whether the hive is read from several logs */
function printer(
  output: Output,
  json: boolean,
  files: readonly string[],
  isSeveral: boolean,
): (step: Step) => Promise<void> {
  if (json) {
    return async ({ item, changes }) => {
      let reason = 'nested too deeply'
      if (isMalformed(item)) reason = item.reason
      else {
        const { log, file, line } = item
        const place = isSeveral ? { log, file, line } : {}
        if (await printed(output, { seq: item.seq, ...place, event: item.event, changes })) return
      }
      const place = item.line === undefined ? `at byte ${item.offset}` : `line ${item.line}`
      say(`${item.file} ${place}: ${reason}; left out`)
    }
  }
  const { color, width } = look()
  const textOf = itemText(files)
  return async ({ item, changes }) => {
    await output.line(textOf(item))
    if (isMalformed(item) || changes.length === 0) return
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

interface Range {
  from?: Target
  to?: Target
  /** What is to be said of times that the log does not have. */
  notes: string[]
}

/** A little less than any step between two times. */
const SOONER_MS = 0.001

/** @throws {UsageError} */
async function rangeOf(
  values: { from?: string; to?: string; since?: string; until?: string },
  files: readonly string[],
  thisFile: boolean,
): Promise<Range> {
  const from = one('--from', values.from, '--since', values.since)
  const to = one('--to', values.to, '--until', values.until)
  const now = Date.now()
  const times: GivenTime[] = []
  for (const each of [from, to]) {
    if (each === undefined || each.seq !== undefined) continue
    times.push({ option: each.option, value: each.value, tellsBefore: true, tellsAfter: true })
  }
  const span = times.length > 0 ? await spanFor(times, files, thisFile, now) : undefined
  const range: Range = { notes: [] }
  const timeOf = (option: string, value: string): number => {
    const ms = parseTime(option, value, { span, now })
    const note = outsideNote(option, ms, span)
    if (note !== undefined) range.notes.push(note)
    return ms
  }
  if (from?.seq !== undefined) range.from = { seq: Math.max(0, from.seq - 1) }
  else if (from !== undefined) {
    const time = timeOf(from.option, from.value)
    range.from = { time: from.option === '--since' ? time - SOONER_MS : time }
  }
  if (to?.seq !== undefined) range.to = { seq: to.seq }
  else if (to !== undefined) range.to = { time: timeOf(to.option, to.value) }
  if (isAfter(range.from, range.to)) {
    throw new UsageError(`${from?.option} ${from?.value} is after ${to?.option} ${to?.value}`)
  }
  return range
}

interface Given {
  option: string
  value: string
  seq?: number
}

/** The one of two options that was given; only the first one takes a seq. */
function one(first: string, a: string | undefined, second: string, b: string | undefined): Given | undefined {
  if (a !== undefined && b !== undefined)
    throw new UsageError(`${first} and ${second} cannot be given together`)
  if (a !== undefined && SEQ.test(a)) return { option: first, value: a, seq: Number(a) }
  const given =
    a !== undefined ? { option: first, value: a } : b !== undefined ? { option: second, value: b } : undefined
  // What needs no log to be understood is told to be wrong before one is read.
  if (given !== undefined) parseTime(given.option, given.value)
  return given
}

function isAfter(from: Target | undefined, to: Target | undefined): boolean {
  const { seq: firstSeq = Number.NaN, time: firstTime = Number.NaN } = from ?? {}
  return firstSeq >= (to?.seq ?? Number.NaN) || firstTime > (to?.time ?? Number.NaN)
}

function speedOf(value: string): number {
  const speed = /^\d{1,6}(?:\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(speed)) throw new UsageError(`--speed needs a number from 0 to 999999, not '${value}'`)
  return speed
}
