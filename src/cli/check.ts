/** `hivelog check` */
import { basename } from 'node:path'
import type { CheckReport } from '../analyse/check/checker.js'
import type { CheckFinding, CheckPlace } from '../analyse/check/findings.js'
import {
  CHECK_RULES,
  type CheckRule,
  isRule,
  RULE_IDS,
  type RuleOption,
  SEVERITIES,
  type Severity,
} from '../analyse/check/rules.js'
import { parseConfig, Settings } from '../analyse/check/settings.js'
import { CONFIG_NAME, checkAnswer, configBeside, type FailOn, isGood } from '../analyse/check/verdict.js'
import { checkWith } from '../analyse/check.js'
import { clean, counted, duration, grouped, paint, type Style } from '../text/terminal.js'
import { type Command, defaultFile, oneOf, parse, UsageError } from './args.js'
import { HIVE_OPTIONS, hiveArguments, tellNothing, tellNothingRead } from './hive-args.js'
import { readInput } from './input-file.js'
import { look, Output, say } from './output.js'
import { withProgress } from './progress.js'
import { parseDuration } from './times.js'
import { wrapped } from './wrap.js'

/** Looked for beside the log. */

const help = `Usage: hivelog check [OPTIONS] [FILE|-]...

Finds what went wrong without anyone logging an error: messages that nobody got
or drained, escalations without an answer, loops, retry storms, agents gone
silent, cost spikes, lost lines. hivelog check --list-rules names all rules.

      --fail-on LEVEL    exit with 1 when something of this level or worse is
                         found: error (default), warning, info, none
      --after TIME       when an escalation is overdue, such as 30m (default 1h)
      --only ID[,ID]     these rules alone
      --off ID[,ID]      not these rules
      --rule SETTING     ID=off, ID=error|warning|info or ID.OPTION=VALUE, such
                         as retry-storm.max=20; may be given more than once
      --config FILE      {"rules": {"ID": "off" | "error" | "warning" | "info" |
                         {"severity": …, OPTION: …}}}; options above win.
                         Default: ${CONFIG_NAME} in the folder of the
                         log, if there is one
      --no-config        do not look for that file
      --live             measure waiting up to now, not to the last event
      --closed           the hive has ended: whatever still waits is found, and
                         agents without an exit are lost
      --since TIME       only findings with a place from then on: 14:03 (on the
                         log's last day that has it), 2026-08-22T14:03:07, 30m
                         (ago), yesterday
      --until TIME       and up to then; all is read for it
      --this-file        only the FILEs, without the logs of their child
                         processes in FILE.agents
      --list-rules       the rules, their level and options; with --json one
                         object: {"rules": [{"rule", "severity", "about",
                         "options": {OPTION: {"default", "type", "about"}}}]}
      --json             one JSON object: {"file", "ok", "failOn", "config",
                         "logs", "lines", "events", "malformed", "agents",
                         "firstTs", "lastTs", "counts": {"error", "warning",
                         "info"}, "findings": [{"rule", "severity", "message",
                         "count", "agents", "first", "last", "places"}],
                         "omitted", "notes"}; a place is {"file", "line", "seq",
                         "ts"}, and "log" where the hive is several logs
      --help             this text

FILE is $HIVELOG_FILE or hive.jsonl by default; - is standard input; several are
one hive. Exit code 0: nothing of that level; 1: something found, or no event in
it; 2: bad use, or no log at all.

Example: hivelog check --fail-on warning --off early-message hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('check', args, {
      'fail-on': { type: 'string', default: 'error' },
      after: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      off: { type: 'string', multiple: true, default: [] },
      rule: { type: 'string', multiple: true, default: [] },
      config: { type: 'string' },
      'no-config': { type: 'boolean', default: false },
      live: { type: 'boolean', default: false },
      closed: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
      'list-rules': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const output = new Output()
    if (values['list-rules']) {
      if (values.json) await output.json({ rules: RULE_IDS.map((rule) => ({ rule, ...CHECK_RULES[rule] })) })
      else for (const line of ruleLines()) await output.line(line)
      await output.flush()
      return 0
    }
    const file = positionals[0] ?? defaultFile()
    const failOn: FailOn = oneOf('--fail-on', values['fail-on'], [...SEVERITIES, 'none'])
    const settings = new Settings()
    const config = values.config ?? (values['no-config'] ? undefined : configBeside(file))
    if (config !== undefined)
      settings.apply(parseConfig((await readInput('the config', config)).toString('utf8'), config), config)
    const only = ids('--only', values.only)
    if (only.length > 0) settings.only(only)
    for (const id of ids('--off', values.off)) settings.apply({ [id]: 'off' }, '--off')
    if (values.after !== undefined) {
      settings.apply(
        { 'unanswered-escalation': { after: parseDuration('--after', values.after) } },
        '--after',
      )
    }
    for (const text of values.rule) settings.apply(ruleOf(text), '--rule')
    const { files, thisFile, since, until, notes } = await hiveArguments('check', values, positionals)
    const report = await withProgress((onProgress) =>
      checkWith(files, settings, {
        closed: values.closed,
        thisFile,
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
        ...(values.live && { now: Date.now() }),
        onProgress,
      }),
    )
    for (const note of notes) say(note)
    if (report.events === 0) {
      const code = (await tellNothing(files, thisFile)) ?? tellNothingRead(files, report)
      if (code === 2 || (code !== undefined && report.findings.length === 0)) return code
    }
    const ok = isGood(report, failOn)
    if (values.json) {
      await output.json(checkAnswer(file, report, failOn, config))
    } else {
      for (const line of reportLines(report, config)) await output.line(line)
    }
    await output.flush()
    return ok ? 0 : 1
  },
}

function ids(option: string, values: readonly string[]): CheckRule[] {
  return values
    .flatMap((value) => value.split(','))
    .map((id) => {
      if (isRule(id)) return id
      return oneOf(option, id, RULE_IDS)
    })
}

/** `retry-storm=off`, `retry-storm.max=20` */
function ruleOf(text: string): Record<string, unknown> {
  const match = /^([^=.]+)(?:\.([^=]+))?=(.*)$/.exec(text)
  if (match === null) {
    throw new UsageError(`--rule needs ID=off, ID=error|warning|info or ID.OPTION=VALUE, not '${text}'`)
  }
  const [, id = '', option, value = ''] = match
  if (option === undefined) return { [id]: value }
  const options: Readonly<Record<string, RuleOption>> = isRule(id) ? CHECK_RULES[id].options : {}
  const type = Object.hasOwn(options, option) ? options[option]?.type : undefined
  if (type === 'names') return { [id]: { [option]: value.split(',') } }
  return { [id]: { [option]: /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value } }
}

function ruleLines(): string[] {
  const longest = Math.max(...RULE_IDS.map((id) => id.length))
  return RULE_IDS.flatMap((id) => {
    const { severity, about, options } = CHECK_RULES[id]
    const tuned = Object.entries<RuleOption>(options).map(([name, option]) => {
      const { type, default: value } = option
      const shown = type === 'duration' ? duration(value as number) : JSON.stringify(value)
      return `    ${name}=${shown
        .replace(/\.0 /, '')
        .replace(/ 0 \w+$/, '')
        .replace(/ (?=[a-z])/g, '')}  ${option.about}`
    })
    return [
      `${id.padEnd(longest)}  ${severity}`,
      ...Array.from(wrapped(about, 78), (line) => `  ${line}`),
      ...tuned,
    ]
  })
}

const STYLES: Record<Severity, Style> = { error: 'red', warning: 'yellow', info: 'blue' }
/** Width of the longest level and the gap after it. */
const INDENT = 9
/** Findings of one rule that people are shown. */
const MAX_SHOWN = 20

function reportLines(report: CheckReport, config: string | undefined): string[] {
  const { color, width } = look()
  const { file, counts, findings, events, agents, logs } = report
  const lines: string[] = []
  const shown = new Map<CheckRule, number>()
  for (const finding of findings) {
    const count = (shown.get(finding.rule) ?? 0) + 1
    shown.set(finding.rule, count)
    if (count <= MAX_SHOWN) lines.push(...findingLines(finding, file, width, color))
  }
  for (const [rule, count] of shown) {
    if (count > MAX_SHOWN) lines.push(`… and ${grouped(count - MAX_SHOWN)} more ${rule}; see --json`)
  }
  const notes = config === undefined ? report.notes : [...report.notes, `rules as ${config} has them`]
  for (const note of notes)
    lines.push(
      ...Array.from(wrapped(`note: ${clean(note)}`, width - 6), (line, i) =>
        i === 0 ? line : `      ${line}`,
      ),
    )
  const found = SEVERITIES.filter((severity) => counts[severity] > 0)
  const ofLogs = logs === undefined ? '' : ` in ${counted(logs.length, 'log')}`
  const inEvents = `${counted(events, 'event')} of ${counted(agents, 'agent')}${ofLogs}`
  if (found.length === 0) {
    lines.push(paint(`ok: ${clean(file)}: ${inEvents}, nothing found`, 'green', color))
    return lines
  }
  const sums = found.map((severity) =>
    severity === 'info' ? `${grouped(counts.info)} info` : counted(counts[severity], severity),
  )
  lines.push(paint(`${sums.join(', ')} in ${inEvents}`, STYLES[found[0] as Severity], color))
  return lines
}

function findingLines(finding: CheckFinding, file: string, width: number, color: boolean): string[] {
  const { rule, severity, message } = finding
  const [first = '', ...rest] = wrapped(
    `${rule}  ${clean(whereOf(finding, file))}  ${clean(message)}`,
    width - INDENT,
  )
  return [
    `${paint(severity, STYLES[severity], color)}${' '.repeat(INDENT - severity.length)}${first}`,
    ...rest.map((line) => ' '.repeat(INDENT) + line),
  ]
}

/** `line 12`, `line 12–15`; with the segment's name where it is not the live file; two places where the logs are two. */
function whereOf({ first, last }: CheckFinding, file: string): string {
  if (first.log !== last.log) {
    const [one, other] = [first, last].map((place) => placeText(place, place, ''))
    return `${one} – ${other}`
  }
  return placeText(first, last, file)
}

function placeText(first: CheckPlace, last: CheckPlace, file: string): string {
  if (first.file !== last.file && first.seq !== undefined && last.seq !== undefined) {
    return `seq ${grouped(first.seq)}–${grouped(last.seq)}`
  }
  if (first.line === undefined)
    return first.seq === undefined ? basename(first.file) : `seq ${grouped(first.seq)}`
  const range = last.line === undefined || last.line === first.line ? '' : `–${grouped(last.line)}`
  const segment = first.file === file ? '' : `${basename(first.file)} `
  return `${segment}line ${grouped(first.line)}${range}`
}
