/** `hivelog why` */
import type { Relation } from '../analyse/why/causes.js'
import type { Chain, ChainEnd, WhyStep } from '../analyse/why/chain.js'
import { whyEvent } from '../analyse/why.js'
import type { Fields } from '../format/fields.js'
import { clean, fit } from '../text/terminal.js'
import { type Command, parse, wholeNumber } from './args.js'
import { withProgress } from './progress.js'
import { askedFor, printFound, QUERY_HELP, QUERY_OPTIONS, QUERY_OPTIONS_HELP } from './query.js'
import { EventRows } from './rows.js'

const help = `Usage: hivelog why [--depth N] [--log LOG] [--this-file] [--json] WHAT [FILE]...

Shows what an event came about through, back to its origin. Read downwards: the
event that is asked for comes first, and each came about through the one below
it. A message answers another, or its sender had just drained some; a drain
took messages; an agent was started by its parent; an approval decides an
escalation. Where ids say so (inReplyTo, the ids of a drain, an approval's id)
the cause is certain; where it is what the agent had done last, "probably".

${QUERY_HELP}

      --depth N    links of the chain that are followed (default 50)
${QUERY_OPTIONS_HELP}
      --json       one JSON object: {"files", "lines", "events", "malformed",
                   "lost", "query", "found": "event" | "several" | "nothing",
                   "chain": {"steps": [{"place": {"log", "file", "line",
                   "seq", "ts"}, "event", "how": "reply" | "after-drain" |
                   "after-spawn" | "after-decision" | "took" | "spawned-by" |
                   "decides" | "drops", "certain", "also": [{"place",
                   "event"}]}], "end": "outside" | "started" | "missing" |
                   "unknown" | "forgotten" | "depth" | "loop"}, "matches"}
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default. The last 100,000 messages,
drains, spawns, escalations and approvals before the event are remembered; a
chain that goes further back says so. Exit code 0: shown; 1: there is no such
event, or several; 2: bad use.

Example: hivelog why e-17 hive.jsonl
`

const DEPTH = 50
const MAX_DEPTH = 10_000

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('why', args, {
      ...QUERY_OPTIONS,
      depth: { type: 'string' },
    })
    const depth =
      values.depth === undefined ? DEPTH : wholeNumber('--depth', values.depth, { min: 1, max: MAX_DEPTH })
    const asked = await askedFor('why', values, positionals)
    const report = await withProgress((onProgress) =>
      whyEvent(asked.files, asked.query, { ...asked.reading, depth, onProgress }),
    )
    const lines = (): Iterable<string> => chainLines(report.chain as Chain)
    return printFound('why', asked, report, { json: values.json, ok: true, lines })
  },
}

/** Other causes that are shown of one event; --json has all. */
const MAX_ALSO = 5

function* chainLines({ steps, end }: Chain): Generator<string> {
  const rows = new EventRows()
  for (const [i, step] of steps.entries()) {
    const before = steps[i - 1]
    if (before !== undefined) yield rows.paint(`  ↑ ${linkText(before, step)}`, 'dim')
    yield rows.event(step, '')
    const { also = [] } = step
    const word = step.certain === true ? 'also' : 'or'
    for (const each of also.slice(0, MAX_ALSO)) yield rows.event(each, `    ${word} `)
    if (also.length > MAX_ALSO) yield `    ${word} ${also.length - MAX_ALSO} more; see --json`
  }
  const last = steps.at(-1) as WhyStep
  yield rows.paint(`  ■ ${endText(end, last)}`, 'bold')
}

function linkText(before: WhyStep, step: WhyStep): string {
  const how = step.how as Relation
  const isDrain = how === 'reply' && step.event.kind === 'drain'
  const text = isDrain ? 'it answers what this drain took (inReplyTo)' : LINKS[how](nameOf(before))
  return step.certain === true ? text : `probably: ${text}`
}

const LINKS: Record<Relation, (who: string) => string> = {
  reply: () => 'it answers this message (inReplyTo)',
  'after-drain': (who) => `${who} had just drained its inbox`,
  'after-spawn': (who) => `${who} had just been started, and had drained nothing`,
  'after-decision': (who) => `${who} had just been answered by the human`,
  took: () => 'the drain took this message',
  'spawned-by': () => 'its parent, which started it, had just done this',
  decides: () => 'it answers this escalation',
  drops: () => 'it is of this message',
}

function endText(end: ChainEnd, { event }: WhyStep): string {
  const who = nameOf({ event })
  const { parent, id, inReplyTo } = event as Fields
  switch (end) {
    case 'outside':
      return `origin: ${who} is no agent of this hive`
    case 'started':
      return `origin: ${who} was started, by nobody that the logs know`
    case 'missing': {
      const what = [parent, inReplyTo, id].find((each) => typeof each === 'string') as string | undefined
      return what === undefined
        ? 'what it took is not in the logs'
        : `it names ${clean(fit(what, 60))}, of which nothing before is in the logs`
    }
    case 'forgotten':
      return 'what came before lies too far back: ask for this event by itself'
    case 'depth':
      return 'and so on: --depth follows more links'
    case 'loop':
      return 'it would come round to an event above'
    case 'unknown':
      return 'nothing tells what this came from'
  }
}

function nameOf({ event }: Pick<WhyStep, 'event'>): string {
  const { agentId, from } = event as Fields
  const name = [agentId, from].find((each) => typeof each === 'string') as string | undefined
  return name === undefined ? 'it' : clean(fit(name, 40))
}
