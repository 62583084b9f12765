/** `hivelog cost` */
import { type ModelPrices, OwnPrices } from '../analyse/cost/prices.js'
import type { CostSums } from '../analyse/cost/sums.js'
import { COST_KEYS, type CostBy, type CostReport, costReport } from '../analyse/cost.js'
import { amount, clean, costCell, counted, dollars, fit, grouped } from '../text/terminal.js'
import { type Command, oneOf, parse, UsageError } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, reportOf } from './hive-args.js'
import { readInput } from './input-file.js'
import { look, Output } from './output.js'
import { table } from './table.js'
import { wrapped } from './wrap.js'

const help = `Usage: hivelog cost [OPTION]... [FILE|-]...

What model calls used and cost, from the usage events of a hive; - is standard
input.

      --by KEY       agent (default), model, provider, task, decision, session,
                     hour or day (of local time: the zone is $TZ or the
                     system's)
      --prices FILE  your own prices, in US dollars for a million tokens:
                     {"MODEL": {"inputPerMTok", "outputPerMTok",
                     "cacheReadPerMTok"?, "cacheWritePerMTok"?}}; MODEL is as in
                     the log, or PROVIDER/MODEL; without prices for the cache,
                     its tokens cost as much as input
${HIVE_HELP}
      --json         one JSON object (below)
      --help         this text

A call costs the costUsd of its event; without one, what its tokens cost by
--prices, or by the list prices of the package @pydantic/genai-prices at the
time of the event (nothing is fetched). A model that neither knows is listed,
and its calls add no dollars: + after an amount says that such calls are left
out. Give an event its provider where the same model has several prices.

inputTokens is all input, with what was read from and written to the cache (as
OpenTelemetry means gen_ai.usage.input_tokens). If an event has more tokens of
the cache than of input, its inputTokens is taken as without them. A call that
failed, or was aborted, counts with the tokens that are known of it; if none
are, it costs nothing. Lines of other kinds are counted ("skipped"), and not
checked; hivelog verify checks all.

--json: {"by", "files", "rows": [{"key" (null: none told), "ts"? (begin of the
  hour or day), SUMS, "share" (0 to 1)}], "zone"?, "others"?: {SUMS, "share"}
  (keys beyond 50,000), "total": {SUMS}, "shareOf": "dollars" or "tokens",
  "recorded": {"calls", "costUsd"}, "computed": {"calls", "costUsd", "source"?,
  "models": [{"model", "provider"?, "as", "calls", "costUsd"}]}, "unpriced":
  {"calls", "models": [{"model"?, "provider"?, "calls", "inputTokens",
  "outputTokens"}], "others"}, "cacheApart", "ignored": {"costs", "tokens"},
  "lines", "events", "malformed", "lost", "skipped"?}
SUMS: "calls", "failedCalls", "inputTokens", "outputTokens", "cacheReadTokens",
  "cacheWriteTokens", "ms", "costUsd", "unpricedCalls"; times are epoch
  milliseconds

A FILE is a log with its archived segments and the logs of its child processes;
several FILEs are one hive. The default is $HIVELOG_FILE or hive.jsonl.
Exit code 0: done, also where prices are missing; 1: no event there; 2: bad use,
or no log.

Example: hivelog cost --by task hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('cost', args, {
      by: { type: 'string', default: 'agent' },
      prices: { type: 'string' },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const by = oneOf('--by', values.by, COST_KEYS)
    const prices = values.prices === undefined ? {} : await readPrices(values.prices)
    const given = await hiveArguments('cost', values, positionals)
    const { report, nothing } = await reportOf(given, (files, selection) =>
      costReport(files, { ...selection, by, prices }),
    )
    const output = new Output()
    if (values.json) await output.json(report)
    else if (nothing === undefined)
      for (const line of reportLines(report, look().width)) await output.line(line)
    await output.flush()
    return nothing ?? 0
  },
}

async function readPrices(file: string): Promise<Record<string, ModelPrices>> {
  const text = (await readInput('the prices', file)).toString('utf8')
  try {
    const prices = JSON.parse(text.replace(/^\ufeff/, ''))
    new OwnPrices(prices)
    return prices
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message
    throw new UsageError(`cannot use the prices in ${file}: ${reason}; see hivelog cost --help`)
  }
}

/** Keys that are shown; hours and days make a longer table than names. */
const MAX_ROWS = 20
const MAX_TIMES = 200
const MAX_MODELS = 10

function reportLines(report: CostReport, width: number): string[] {
  const { by, files, total, zone } = report
  const name = files.length === 1 ? clean(files[0] as string) : `${files.length} logs`
  if (total.calls === 0) {
    const events = `${counted(report.events, 'event')}, none of kind usage`
    const nothing = `${name}: no usage is recorded (${events}), so there is nothing to cost`
    return [nothing, ...notes(report)].flatMap((line) => [...wrapped(line, width, { indent: '  ' })])
  }
  const heading = `${name}  ${counted(total.calls, 'model call')} by ${by}${zone === undefined ? '' : `, ${zone}`}`
  return [
    fit(heading, width),
    ...costTable(report, width),
    '',
    ...[...sources(report), ...notes(report)].flatMap((line) => [...wrapped(line, width, { indent: '  ' })]),
  ]
}

/** Columns of a table, and which of them are only shown where there is something in them. */
const TOKENS: [head: string, field: keyof CostSums, always: boolean][] = [
  ['failed', 'failedCalls', false],
  ['tokens in', 'inputTokens', true],
  ['out', 'outputTokens', true],
  ['cache read', 'cacheReadTokens', false],
  ['cache write', 'cacheWriteTokens', false],
]

/** What goes first where there is no room: it is in --json. */
const DISPENSABLE = ['cache write', 'cache read', 'of tokens', 'share', 'failed', 'calls']
const KEY_WIDTH = 16

function costTable(report: CostReport, width: number): string[] {
  const { by, rows, others, total, zone, shareOf } = report
  const tokens = TOKENS.filter(([, field, always]) => always || total[field] > 0)
  const line = (label: string, sums: CostSums, share: number): string[] => {
    const { calls, unpricedCalls } = sums
    const isUnknown = unpricedCalls === calls
    const cost = costCell(sums, calls)
    const part = isUnknown && shareOf === 'dollars' ? '?' : `${(share * 100).toFixed(1)}%`
    return [label, amount(calls), ...tokens.map(([, field]) => amount(sums[field])), cost, part]
  }
  const limit = zone === undefined ? MAX_ROWS : MAX_TIMES
  const shown = rows.slice(0, limit)
  const label = labels(by, shown)
  const lines = shown.map((row) => line(label(row.key), row, row.share))
  const rest = rows.slice(limit)
  if (rest.length > 0) lines.push(line(`(${grouped(rest.length)} more)`, ...added(rest)))
  if (others !== undefined) lines.push(line('(others)', others, others.share))
  lines.push(line('total', total, 1))
  const share = shareOf === 'dollars' ? 'share' : 'of tokens'
  const head = [by, 'calls', ...tokens.map(([name]) => name), 'cost', share]
  return table(head, lines, { width, maxRows: lines.length, dispensable: DISPENSABLE, keyWidth: KEY_WIDTH })
}

/** Hours show their offset from UTC only where it changes between them. */
function labels(by: CostBy, rows: CostReport['rows']): (key: string | null) => string {
  const offsets = new Set(by === 'hour' ? rows.flatMap(({ key }) => key?.slice(-6) ?? []) : [])
  return (key) => {
    if (key === null) return `(no ${by})`
    if (by !== 'hour') return key
    const hour = key.slice(0, -9).replace('T', ' ')
    return offsets.size > 1 ? hour + key.slice(-6) : hour
  }
}

/** Rows that are not shown, as one. */
function added(rows: CostReport['rows']): [CostSums, number] {
  const sum = (value: (row: CostReport['rows'][number]) => number): number =>
    rows.reduce((all, row) => all + value(row), 0)
  const sums: CostSums = {
    calls: sum((row) => row.calls),
    failedCalls: sum((row) => row.failedCalls),
    inputTokens: sum((row) => row.inputTokens),
    outputTokens: sum((row) => row.outputTokens),
    cacheReadTokens: sum((row) => row.cacheReadTokens),
    cacheWriteTokens: sum((row) => row.cacheWriteTokens),
    ms: sum((row) => row.ms),
    costUsd: sum((row) => row.costUsd),
    unpricedCalls: sum((row) => row.unpricedCalls),
  }
  return [
    sums,
    Math.min(
      1,
      sum((row) => row.share),
    ),
  ]
}

/** Where the dollars come from, and which are missing. */
function sources({ recorded, computed, unpriced }: CostReport): string[] {
  const lines: string[] = []
  if (recorded.calls > 0)
    lines.push(`recorded: ${dollars(recorded.costUsd)} in ${counted(recorded.calls, 'event')} (costUsd)`)
  if (computed.calls > 0) {
    const ownCalls = computed.models.filter(({ as }) => as === 'your own prices')
    const names = ownCalls.length === computed.models.length ? [] : [computed.source ?? 'list prices']
    if (ownCalls.length > 0) names.push('your own prices')
    const calls = counted(computed.calls, 'call')
    lines.push(`computed: ${dollars(computed.costUsd)} for ${calls}, by ${names.join(' and ')}`)
  }
  if (unpriced.calls === 0) return lines
  for (const { model, provider, ...used } of unpriced.models.slice(0, MAX_MODELS)) {
    const name = model === undefined ? '(no model named)' : nameOf(model)
    const of = provider === undefined ? '' : ` of ${nameOf(provider)}`
    const tokens = `${amount(used.inputTokens)} tokens in, ${amount(used.outputTokens)} out`
    lines.push(`no price known for: ${name}${of} (${counted(used.calls, 'call')}, ${tokens})`)
  }
  const more = unpriced.models.slice(MAX_MODELS).reduce((sum, { calls }) => sum + calls, unpriced.others)
  if (more > 0) lines.push(`no price known for: ${counted(more, 'call')} of more models; see --json`)
  lines.push('  give their events costUsd or the right provider, or give prices with --prices FILE')
  return lines
}

function notes({ by, rows, total, cacheApart, ignored, malformed, lost, others }: CostReport): string[] {
  const lines: string[] = []
  if (total.failedCalls > 0)
    lines.push(
      `note: ${counted(total.failedCalls, 'call')} failed or aborted; their known tokens are counted`,
    )
  if (cacheApart > 0) {
    const calls = counted(cacheApart, 'call')
    lines.push(`note: ${calls} with more cache tokens than input: priced as recorded apart from each other`)
  }
  if (ignored.costs > 0)
    lines.push(`note: ${counted(ignored.costs, 'costUsd value')} ignored: not a number from 0`)
  if (ignored.tokens > 0)
    lines.push(`note: ${counted(ignored.tokens, 'token count')} ignored: not a number from 0`)
  if (malformed > 0) lines.push(`note: ${counted(malformed, 'malformed line')} skipped; see hivelog verify`)
  if (lost > 0) lines.push(`note: ${counted(lost, 'event')} lost, as the writer says (log.gap)`)
  if (others !== undefined) {
    const told = counted(rows.length, by)
    lines.push(`note: ${told} told apart, which is the limit; (others) holds the calls of all further ones`)
  }
  return lines
}

const nameOf = (text: string): string => fit(clean(text.slice(0, 200)), 50)
