/** `hivelog diff` */
import { basename } from 'node:path'
import type { AgentDiff, DiffRow, DiffSide, EventPlace, LogDiff } from '../analyse/diff/report.js'
import { diffLogs } from '../analyse/diff.js'
import { formatEvent } from '../text/format-event.js'
import { clean, columns, counted, fit, grouped, pad, paint, type Style } from '../text/terminal.js'
import { type Command, parse, UsageError, wholeNumber } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, tellNothing } from './hive-args.js'
import { look, Output, say } from './output.js'
import { withProgress } from './progress.js'
import { table } from './table.js'
import { wrapped } from './wrap.js'

const help = `Usage: hivelog diff [OPTIONS] A B

Compares two runs of the same task: where they part, agent by agent, and what
only one of them has. Times, numbers, sessions, trace ids, durations, process
ids, token counts and costs are not compared, and generated ids are renamed by
what they stand for. A and B are logs, with those of their child processes; one
can be -, standard input.

      --agent A       only this agent's events (its id in either log)
      --context N     rows before and after the divergence, up to 1000
                      (default 3)
      --ignore FIELD  do not compare this field; can be given several times
      --keep FIELD    compare this field as it is, though it is ignored or
                      renamed by default (inputTokens, id, ms, ref, ...); can
                      be given several times
      --any-order     exit 0 when only the order between agents differs
      --max-events N  events of each log to compare from where they part on
                      (default 500000)
${HIVE_HELP}
      --json          one JSON object:
                      {"verdict": "same" | "order" | "differ",
                       "a": {"file", "events", "only", "malformed", "isCut"},
                       "b": as "a", "common",
                       "parts": {"index", "a"?: PLACE, "b"?: PLACE},
                       "first": {"agent", "change": "changed" | "a" | "b",
                                 "index", "a"?: PLACE, "b"?: PLACE,
                                 "fields": [{"field", "a"?, "b"?}]},
                       "around": {"of": "hive" | "agent",
                                  "rows": [{"mark": "same" | "changed" |
                                            "a" | "b", "a"?, "b"?: PLACE}]},
                       "agents": [{"agent", "ids"?: {"a", "b"},
                                   "events": {"a", "b"}, "only": {"a", "b"},
                                   "parts"?: as above}],
                       "only": [{"side", "kind", "agent", "events",
                                 "first": [PLACE]}],
                       "notes": [TEXT]}
                      PLACE is {"log", "file", "seq", "line"?, "agent",
                      "event"};
                      "parts" is where the order parts, "first" where an agent
                      does something else; each is there if there is such
      --help          this text

Exit code 0: the same; 1: they differ, or one holds no event; 2: bad use, not
readable, or no log.

Example: hivelog diff --context 5 monday.jsonl tuesday.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('diff', args, {
      agent: { type: 'string' },
      context: { type: 'string', default: '3' },
      ignore: { type: 'string', multiple: true, default: [] },
      keep: { type: 'string', multiple: true, default: [] },
      'any-order': { type: 'boolean', default: false },
      'max-events': { type: 'string', default: '500000' },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const [a, b] = positionals
    if (a === undefined || b === undefined || positionals.length > 2) {
      throw new UsageError(
        `hivelog diff takes two files, A and B, not ${positionals.length}; see hivelog diff --help`,
      )
    }
    const context = wholeNumber('--context', values.context, { max: 1000 })
    const maxEvents = wholeNumber('--max-events', values['max-events'], { min: 1 })
    const { thisFile, since, until, notes } = await hiveArguments('diff', values, [a, b])
    for (const note of notes) say(note)
    const diff = await withProgress((onProgress) =>
      diffLogs(a, b, {
        onProgress,
        thisFile,
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
        context,
        maxEvents,
        ignoreFields: values.ignore,
        keepFields: values.keep,
        ...(values.agent === undefined ? {} : { agent: values.agent }),
      }),
    )
    if (values.agent !== undefined && diff.a.events + diff.b.events === 0) {
      throw new UsageError(
        `neither log has an event of agent '${values.agent}'; see hivelog stats for who there is`,
      )
    }
    const nothing = await tellNothing([a, b], thisFile)
    const output = new Output()
    if (values.json) await output.json(diff)
    else if (nothing === undefined) for (const line of diffLines(diff)) await output.line(line.trimEnd())
    await output.flush()
    if (nothing !== undefined) return nothing
    return diff.verdict === 'same' || (diff.verdict === 'order' && values['any-order']) ? 0 : 1
  },
}

const NOBODY = '(no agent)'
const nameOf = (agent: string | null): string => (agent === null ? NOBODY : clean(agent))

function diffLines(diff: LogDiff): string[] {
  const { color, width } = look()
  const { a, b } = diff
  const lines = [...sideLines('a', a, width), ...sideLines('b', b, width), '']
  for (const [style, text] of verdictLines(diff)) {
    for (const line of wrapped(text, width)) lines.push(paint(line, style, color))
  }
  lines.push(...sideBySide(diff, width, color), ...fieldLines(diff, width))
  if (diff.verdict === 'differ') lines.push(...agentLines(diff, width))
  for (const side of ['a', 'b'] as const) lines.push(...onlyLines(diff, side, width, color))
  for (const note of diff.notes) lines.push('', ...wrapped(`note: ${note}`, width))
  return lines
}

function sideLines(name: string, side: DiffSide, width: number): string[] {
  const { file, events, only, malformed, isCut } = side
  const parts = [counted(events, 'event')]
  if (only > 0) parts.push(`${grouped(only)} only here`)
  if (isCut) parts.push('more that are not compared')
  if (malformed > 0) parts.push(`${counted(malformed, 'malformed line')} skipped`)
  const text = `${name}  ${clean(file)}`
  const rest = parts.join(', ')
  const isShort = columns(text) + 2 + columns(rest) <= width
  return isShort ? [`${text}  ${rest}`] : [fit(text, width), fit(`   ${rest}`, width)]
}

function verdictLines(diff: LogDiff): [Style, string][] {
  const { verdict, first, parts } = diff
  if (verdict === 'same') return [['green', 'same: every event, in the same order']]
  const order = `a ${placeName(parts?.a, diff.a)}, b ${placeName(parts?.b, diff.b)}`
  if (first === undefined) {
    return [
      ['yellow', 'ORDER: same events for every agent; only the order between agents differs'],
      ['plain', `The logs part at ${order}.`],
    ]
  }
  const where = `a ${placeName(first.a, diff.a)}, b ${placeName(first.b, diff.b)}`
  const how = first.change === 'changed' ? 'another event in each' : `an event that only ${first.change} has`
  const lines: [Style, string][] = [
    ['red', `DIFFERENT: ${nameOf(first.agent)} parts first, at ${where}: ${how}`],
  ]
  if (diff.around.of === 'agent') {
    lines.push(['plain', `Before that only the order between agents differs, from ${order}.`])
    lines.push(['plain', `Below are the events of ${nameOf(first.agent)} alone.`])
  }
  return lines
}

/** `line 41`, with what else it takes to find the event. */
function placeName(place: EventPlace | undefined, side: DiffSide): string {
  if (place === undefined) return 'end'
  const { file, line, seq } = place
  const segment = file === side.file ? '' : `${clean(basename(file))} `
  if (line === undefined) return `${segment}seq ${seq}`
  return `${segment}line ${line}${seq === line ? '' : ` (seq ${seq})`}`
}

const SIGNS: Record<DiffRow['mark'], [sign: string, style: Style]> = {
  same: [' ', 'dim'],
  changed: ['|', 'yellow'],
  a: ['<', 'red'],
  b: ['>', 'green'],
}

/** The two logs in two columns; between them `|` for other events, `<` and `>` for events of one side. */
function sideBySide({ a, b, around: { rows } }: LogDiff, width: number, color: boolean): string[] {
  if (rows.length === 0) return []
  const half = Math.floor((width - 3) / 2)
  const cells = { a: cellsOf(rows, 'a', half), b: cellsOf(rows, 'b', half) }
  const head = (name: string, { file }: DiffSide): string => fit(`${name}  ${clean(basename(file))}`, half)
  const lines = ['', `${pad(head('a', a), half)}   ${head('b', b)}`]
  for (const [i, { mark }] of rows.entries()) {
    const [sign, style] = SIGNS[mark]
    const text = `${pad(cells.a[i] ?? '', half)} ${sign} ${cells.b[i] ?? ''}`
    lines.push(paint(text.trimEnd(), style, color))
  }
  return lines
}

/** Line number, `seq` where it is another, and the event without its time. */
function cellsOf(rows: DiffRow[], side: 'a' | 'b', width: number): string[] {
  const places = rows.map((row) => row[side])
  const withSeq = places.some((place) => place !== undefined && place.seq !== place.line)
  const heads = places.map((place) =>
    place === undefined ? ['', ''] : [String(place.line ?? '?'), `seq ${place.seq}`],
  )
  const widths = [0, 1].map((i) => Math.max(...heads.map((head) => (head[i] as string).length)))
  return places.map((place, i) => {
    if (place === undefined) return ''
    const [line = '', seq = ''] = heads[i] as string[]
    const number = `${line.padStart(widths[0] ?? 0)}${withSeq ? `  ${seq.padEnd(widths[1] ?? 0)}` : ''}`
    return fit(`${number}${eventText(place)}`, width)
  })
}

/** What `formatEvent` says after the time, which differs between the logs anyway. */
function eventText({ event }: EventPlace): string {
  const time = 'hh:mm:ss.mmm'.length
  return formatEvent(event, { color: false, width: 500, date: false }).slice(time)
}

/** Values that differ, from just before they do. */
function fieldLines({ a, b, first }: LogDiff, width: number): string[] {
  const fields = first?.fields ?? []
  if (fields.length === 0) return []
  const where = `a ${placeName(first?.a, a)} and b ${placeName(first?.b, b)}`
  const names = fields.map(({ field }) => clean(field)).join(', ')
  const lines = ['', fit(`${where} differ in ${names}:`, width)]
  for (const { field, a: valueA = '(none)', b: valueB = '(none)' } of fields.slice(0, 10)) {
    let same = 0
    while (same < valueA.length && valueA[same] === valueB[same]) same++
    const start =
      Math.max(valueA.length, valueB.length) + columns(field) + 8 <= width ? 0 : Math.max(0, same - 20)
    const shown = (value: string): string =>
      `${start > 0 ? '…' : ''}${clean(value.slice(start, start + 500))}`
    lines.push(
      fit(`  a  ${clean(field)}  ${shown(valueA)}`, width),
      fit(`  b  ${clean(field)}  ${shown(valueB)}`, width),
    )
  }
  return lines
}

function agentLines(diff: LogDiff, width: number): string[] {
  const rows = diff.agents.map(({ agent, ids, events, only, parts }: AgentDiff) => [
    ids === undefined ? nameOf(agent) : `${nameOf(agent)} (${clean(ids.a)}, ${clean(ids.b)})`,
    parts === undefined ? 'identical' : `parts at ${placeName(parts.a, diff.a)}`,
    parts === undefined ? '' : placeName(parts.b, diff.b),
    grouped(events.a),
    grouped(events.b),
    grouped(only.a),
    grouped(only.b),
  ])
  const head = ['agent', 'in a', 'in b', 'events a', 'b', 'only a', 'b']
  return table(head, rows, { textColumns: 3, width })
}

const MAX_GROUPS = 10

function onlyLines(diff: LogDiff, side: 'a' | 'b', width: number, color: boolean): string[] {
  const groups = diff.only.filter((group) => group.side === side)
  if (groups.length === 0) return []
  const lines = ['', `Only in ${side}: ${counted(diff[side].only, 'event')}`]
  for (const { kind, agent, events, first } of groups.slice(0, MAX_GROUPS)) {
    lines.push(fit(`  ${grouped(events)} ${clean(kind)} by ${nameOf(agent)}`, width))
    for (const place of first) {
      const text = fit(`    ${placeName(place, diff[side])}  ${eventText(place).trim()}`, width)
      lines.push(paint(text, 'dim', color))
    }
  }
  if (groups.length > MAX_GROUPS)
    lines.push(`  … and ${counted(groups.length - MAX_GROUPS, 'more group')}; see --json`)
  return lines
}
