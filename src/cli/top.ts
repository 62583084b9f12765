/** `hivelog top` */
import { setTimeout as pause } from 'node:timers/promises'
import { TOP_SORTS, type TopAgent, type TopReport, type TopSort } from '../analyse/top/report.js'
import { TopWatch, topReport } from '../analyse/top.js'
import { followHive } from '../read/follow-hive.js'
import { contentOf } from '../read/glance.js'
import { logsOfHive } from '../read/hive.js'
import { isMalformed } from '../read/items.js'
import {
  clean,
  clock,
  counted,
  dollars,
  duration,
  fit,
  grouped,
  paint,
  type Style,
} from '../text/terminal.js'
import { type Command, oneOf, parse, UsageError } from './args.js'
import { HIVE_OPTIONS, hiveArguments, tellNothingRead } from './hive-args.js'
import { io } from './io.js'
import { Keys } from './keys.js'
import { look, Output } from './output.js'
import { withProgress } from './progress.js'
import { Screen } from './screen.js'
import { waitingText } from './state-text.js'
import { table } from './table.js'

const help = `Usage: hivelog top [--once] [--sort KEY] [--this-file] [--json] [FILE]...

Shows what a hive is doing, live: each agent with its status, its last event and
how long ago that was, messages that wait for it, its escalations that wait for
a decision, model calls, tokens and cost, of the last minute and in all. Logs of
child processes that come later are followed too. Estimates, of logs of other
programs, are marked with ≈.

Keys: a, i, p and c sort by last action, inbox, pending escalations and cost;
q or Ctrl-C ends.

      --once       print one picture and end; also when the output is no
                   terminal
      --sort KEY   action (default), inbox, pending or cost: what is newest or
                   most comes first; what ended comes last
      --this-file  read only the FILEs, without the logs of their child
                   processes in FILE.agents
      --json       with --once: one JSON object: {"files", "asOf", "logs",
                   "lines", "events", "lastMinuteEvents", "messages",
                   "malformed", "lost", "counts": {"alive", "held",
                   "archived", "ended"}, "inbox", "inboxEstimated",
                   "pending", "usage": {"calls", "inputTokens",
                   "outputTokens", "costUsd", "lastMinuteUsd", "unpriced"},
                   "agents": [{"agentId", "name", "isGod", "status", "since",
                   "events", "lastKind", "lastTs", "idleMs", "inbox",
                   "inboxEstimated", "pending", and what "usage" has}],
                   "notListed"}
      --help       this text

Ages and the last minute are measured to now. FILE is $HIVELOG_FILE or
hive.jsonl by default. Exit code 0: shown; 1: there is no event; 2: bad use.

Example: hivelog top hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('top', args, {
      once: { type: 'boolean', default: false },
      sort: { type: 'string', default: 'action' },
      'this-file': HIVE_OPTIONS['this-file'],
      json: { type: 'boolean', default: false },
    })
    const sort = oneOf('--sort', values.sort, TOP_SORTS)
    const isLive = !values.once && io().stdout.isTTY === true && io().env.TERM !== 'dumb'
    if (values.json && isLive) throw new UsageError('--json needs --once; see hivelog top --help')
    const { files, thisFile } = await hiveArguments('top', { 'this-file': values['this-file'] }, positionals)
    if (isLive && files.includes('-')) throw new UsageError('top follows files; use --once with -')
    return isLive ? live(files, thisFile, sort) : once(files, thisFile, sort, values.json)
  },
}

async function once(files: string[], thisFile: boolean, sort: TopSort, json: boolean): Promise<number> {
  const report = await withProgress((onProgress) => topReport(files, { thisFile, sort, onProgress }))
  const none = tellNothingRead(files, report)
  if (none !== undefined && !json) return none
  const output = new Output()
  if (json) await output.json(report)
  else {
    const { color, width } = look()
    for (const line of picture(report, { color, width, rows: MAX_ROWS, sort })) await output.line(line)
  }
  await output.flush()
  return none ?? 0
}

/** Agents of a picture that is printed; --json has all. */
const MAX_ROWS = 200
/** Milliseconds from one drawing to the next: at least, and where nothing happens. */
const DRAW_MS = 500
const IDLE_MS = 1000
/** Lines that come without a pause from which on the screen says that it is not at the end. */
const MANY_LINES = 500

const SORT_KEYS: Record<string, TopSort> = { a: 'action', i: 'inbox', p: 'pending', c: 'cost' }

/** The screen while it is live: draws what it knows, at most twice a second, and obeys keys. */
async function live(files: string[], thisFile: boolean, first: TopSort): Promise<number> {
  // A file that is not there is told of, not waited for.
  for (const file of files) await contentOf(file, thisFile)
  const end = new AbortController()
  const stop = (): void => end.abort()
  const screen = new Screen(process.stdout)
  const watch = new TopWatch(files[0] as string)
  let sort = first
  let isReading = true
  const idle = new Idle()
  end.signal.addEventListener('abort', () => idle.end(), { once: true })
  const draw = (): void => {
    const { color, width } = look()
    const { rows } = screen
    const logs = logsOfHive(files, thisFile).length
    const report = watch.report(files, logs, { sort, limit: rows })
    screen.draw([
      ...picture(report, { color, width, rows: rows - FRAME, sort }),
      foot(isReading, width, color),
    ])
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, stop)
  const resized = (): void => idle.end()
  process.stdout.on('resize', resized)
  const drawing = async (): Promise<void> => {
    while (!end.signal.aborted) {
      draw()
      await pause(DRAW_MS, undefined, { signal: end.signal }).catch(() => undefined)
      if (!isReading) await idle.wait(IDLE_MS - DRAW_MS)
    }
  }
  const keys = process.stdin.isTTY === true ? new Keys() : undefined
  const obeying = async (): Promise<void> => {
    for (let key = await keys?.key(); key !== undefined; key = await keys?.key()) {
      const wanted = SORT_KEYS[String.fromCharCode(key)]
      if (wanted === undefined) continue
      sort = wanted
      idle.end()
    }
    if (keys !== undefined) stop()
  }
  // Once something was read: until then an error is one line on the screen that was there.
  let shown: Promise<void> | undefined
  const show = (): void => {
    if (shown !== undefined) return
    screen.open()
    shown = Promise.race([drawing(), obeying().then(() => new Promise<never>(() => {}))])
    shown.catch(stop)
  }
  let unseen = 0
  const onCaughtUp = (): void => {
    isReading = false
    unseen = 0
    show()
    idle.end()
  }
  try {
    for await (const item of followHive(files, { thisFile, signal: end.signal, onCaughtUp })) {
      if (isMalformed(item)) watch.malformed++
      else watch.add(item)
      if (++unseen <= MANY_LINES) continue
      isReading = true
      show()
    }
    stop()
    await shown
  } finally {
    stop()
    screen.close()
    keys?.close()
    process.stdout.off('resize', resized)
    for (const signal of signals) process.off(signal, stop)
  }
  return 0
}

/** A pause that ends when there is something to do. */
class Idle {
  #end: (() => void) | undefined
  #isOver = false

  /** Waits; not at all where something came since the last time. */
  async wait(ms: number): Promise<void> {
    if (!this.#isOver) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#end = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#end = undefined
    this.#isOver = false
  }

  end(): void {
    this.#isOver = true
    this.#end?.()
  }
}

interface PictureOptions {
  color: boolean
  width: number
  /** Agents that have room. */
  rows: number
  sort: TopSort
}

/** Lines around the agents: three of totals, an empty one, the head, and the foot. */
const FRAME = 7

function picture(report: TopReport, { color, width, rows, sort }: PictureOptions): string[] {
  const { agents, notListed } = report
  const lines = totals(report).map(([text, style]) => paint(fit(text, width), style, color))
  const shown = agents.slice(0, Math.max(1, rows))
  const names = ['agent', 'status', 'last event', 'inbox', 'pending', 'calls', 'tokens', '$/min', 'cost']
  const cells = shown.map((agent) => [
    agent.name === agent.agentId ? agent.agentId : `${agent.agentId} (${agent.name})`,
    agent.status,
    lastOf(agent),
    waitingText(agent.inbox, agent.inboxEstimated),
    grouped(agent.pending),
    grouped(agent.calls),
    short(agent.inputTokens + agent.outputTokens),
    dollars(agent.lastMinuteUsd),
    dollars(agent.costUsd),
  ])
  const head = names.map((name, i) => (i === SORTED[sort] ? `${name}▾` : name))
  const body = table(head, cells, { textColumns: 3, width, maxRows: cells.length })
  for (const [i, line] of body.entries()) {
    const agent = shown[i - 2]
    lines.push(paint(line, agent === undefined ? (i === 1 ? 'bold' : 'plain') : styleOf(agent), color))
  }
  const more = agents.length - shown.length + notListed
  if (more > 0) lines.push(`… and ${counted(more, 'agent')} more`)
  return lines
}

/** Column that is marked as what is sorted by. */
const SORTED: Record<TopSort, number> = { action: 2, inbox: 3, pending: 4, cost: 7 }

function totals(report: TopReport): [string, Style][] {
  const { files, asOf, logs, events, lastMinuteEvents, counts, inbox, pending, usage, malformed, lost } =
    report
  const about = report.inboxEstimated === true ? '≈' : ''
  const name = files.length === 1 ? clean(files[0] as string) : `${files.length} logs`
  const all = logs > files.length ? ` and ${counted(logs - files.length, 'child log')}` : ''
  const { alive, held, archived, ended } = counts
  const agents = [`${grouped(alive)} alive`]
  for (const [count, word] of [
    [held, 'held'],
    [archived, 'archived'],
    [ended, 'ended'],
  ] as const) {
    if (count > 0) agents.push(`${grouped(count)} ${word}`)
  }
  const wrong = malformed + lost > 0 ? `; ${counted(malformed, 'bad line')}, ${grouped(lost)} lost` : ''
  const { calls, inputTokens, outputTokens, costUsd, lastMinuteUsd, unpriced } = usage
  const noPrice = unpriced > 0 ? ` (${grouped(unpriced)} calls without a price)` : ''
  const tokens = `${short(inputTokens)} tokens in, ${short(outputTokens)} out`
  return [
    [
      `${name}${all}  ${clock(asOf, true).slice(0, -4)}  ${counted(events, 'event')}, ${grouped(lastMinuteEvents)} in the last minute${wrong}`,
      'plain',
    ],
    [
      `agents  ${agents.join(', ')}; ${about}${counted(inbox, 'message')} waiting; ${grouped(pending)} pending with the human`,
      pending > 0 ? 'alarm' : 'plain',
    ],
    [
      `models  ${counted(calls, 'call')}, ${tokens}; ${dollars(lastMinuteUsd)} in the last minute, ${dollars(costUsd)} in all${noPrice}`,
      'plain',
    ],
  ]
}

const foot = (isReading: boolean, width: number, color: boolean): string =>
  paint(
    fit(`${isReading ? 'reading …  ' : ''}q ends; sort by a action, i inbox, p pending, c cost`, width),
    'dim',
    color,
  )

function lastOf({ lastKind, idleMs }: TopAgent): string {
  const age =
    idleMs < 1000 ? 'now' : `${duration(Math.floor(idleMs / 1000) * 1000).replace(/\.0 s$/, ' s')} ago`
  return lastKind === '' ? age : `${lastKind} ${age}`
}

function styleOf({ status, pending }: TopAgent): Style {
  if (pending > 0) return 'yellow'
  if (status === 'error' || status === 'killed' || status === 'lost') return 'red'
  return status === 'alive' ? 'plain' : 'dim'
}

/** `812`, `12.3k`, `4.5M` */
function short(value: number): string {
  if (value < 1000) return String(value)
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const) {
    if (value < size * 999.95 || unit === 'G') return `${(value / size).toFixed(1)}${unit}`
  }
  return String(value)
}
