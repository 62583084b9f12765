/** What `checkLog` looks for: every rule with its usual severity and what can be tuned. */

export type Severity = 'error' | 'warning' | 'info'

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info']

/** What a rule's option holds: a time in milliseconds, a whole number from 1, a number from 0, or a list of ids. */
export type OptionType = 'duration' | 'count' | 'amount' | 'names'

export interface RuleOption {
  type: OptionType
  default: number | readonly string[]
  about: string
}

export interface RuleDefinition {
  severity: Severity
  about: string
  options: Readonly<Record<string, RuleOption>>
}

const MINUTE = 60_000

const duration = (ms: number, about: string): RuleOption => ({ type: 'duration', default: ms, about })
const count = (value: number, about: string): RuleOption => ({ type: 'count', default: value, about })
const amount = (value: number, about: string): RuleOption => ({ type: 'amount', default: value, about })
const names = (about: string): RuleOption => ({ type: 'names', default: [], about })

/** All rules, in the order in which they are listed. */
export const CHECK_RULES = {
  'unknown-recipient': {
    severity: 'error',
    about: 'a message to an agent that the log never shows',
    options: { ignore: names('recipients that are no agents') },
  },
  'early-message': {
    severity: 'info',
    about: 'a message to an agent that is spawned only later',
    options: {},
  },
  'exited-recipient': {
    severity: 'warning',
    about: 'a message to an agent that had exited, which nobody drained later',
    options: {},
  },
  'archived-recipient': {
    severity: 'warning',
    about: 'a message to an agent that was archived, which nobody drained later',
    options: {},
  },
  undelivered: {
    severity: 'error',
    about: 'a message that was delivered to nobody, or dropped',
    options: {},
  },
  'never-drained': {
    severity: 'warning',
    about: 'messages in an inbox that no drain took (info where the log has no drain)',
    options: { after: duration(10 * MINUTE, 'age at the end of the log, for an agent that lives') },
  },
  'silent-agent': {
    severity: 'warning',
    about: 'a living agent with requests to answer that does nothing any more',
    options: {
      after: duration(30 * MINUTE, 'silence at the end of the log'),
      quiet: duration(24 * 60 * MINUTE, 'the same, where the log has no drain at all'),
    },
  },
  'unanswered-escalation': {
    severity: 'warning',
    about: 'an escalation that no approval answers',
    options: { after: duration(60 * MINUTE, 'age at the end of the log') },
  },
  'unasked-approval': {
    severity: 'warning',
    about: 'an approval of what nobody escalated',
    options: {},
  },
  'contradicting-approval': {
    severity: 'error',
    about: 'an escalation that was approved and rejected',
    options: {},
  },
  'agent-approval': {
    severity: 'error',
    about: 'an agent that decides what it asked itself (warning: what another asked, not its child)',
    options: {},
  },
  'ping-pong': {
    severity: 'warning',
    about: 'two agents that send each other the same subject in turns',
    options: {
      max: count(6, 'turns'),
      within: duration(10 * MINUTE, 'longest pause between two of them'),
    },
  },
  'reply-chain': {
    severity: 'warning',
    about: 'a reply to a reply to a reply … (inReplyTo)',
    options: { max: count(20, 'replies in a row') },
  },
  'retry-storm': {
    severity: 'warning',
    about: 'one agent does the same again and again: a call, a tool, a message',
    options: {
      max: count(10, 'failed calls or tool runs, or unanswered requests of one subject'),
      successes: count(1000, 'any calls, tool runs or messages of one subject'),
      within: duration(10 * MINUTE, 'time in which so many come'),
    },
  },
  'cost-spike': {
    severity: 'warning',
    about: 'a window of time that cost many times the median of the windows before',
    options: {
      window: duration(10 * MINUTE, 'length of a window'),
      factor: amount(10, 'times the median'),
      windows: count(5, 'windows with usage that must have gone before'),
      usd: amount(1, 'US dollars in the window, at least'),
      tokens: amount(200_000, 'tokens in the window, at least, where usage has no cost'),
    },
  },
  'duplicate-agent': {
    severity: 'warning',
    about: 'an agent spawned under the id of a living one (info where the log has no exit)',
    options: {},
  },
  'crash-loop': {
    severity: 'warning',
    about: 'an agent spawned again and again, whose lives are over at once (exit, archive, restart)',
    options: {
      lives: count(3, 'such lives in a row'),
      shorter: duration(1000, 'what such a life is shorter than'),
    },
  },
  'lost-agent': {
    severity: 'warning',
    about: 'an agent without an exit, though its writer is gone',
    options: {},
  },
  'clock-backwards': {
    severity: 'warning',
    about: 'a line that is earlier than one before it',
    options: { tolerance: duration(1000, 'step back that is let pass') },
  },
  'seq-gap': { severity: 'error', about: 'lines that are missing, as seq tells', options: {} },
  'seq-repeat': { severity: 'error', about: 'seq that comes again or goes back', options: {} },
  'checkpoint-gap': {
    severity: 'warning',
    about: "an agent's events that are missing or come again, as checkpoint tells",
    options: {},
  },
  'log-gap': { severity: 'error', about: 'events that the writer says were lost', options: {} },
  'log-torn': { severity: 'warning', about: 'a line that was cut short by a crash', options: {} },
  'malformed-line': { severity: 'warning', about: 'a line that is no event', options: {} },
} as const satisfies Record<string, RuleDefinition>

/** Id of a rule. */
export type CheckRule = keyof typeof CHECK_RULES

export const RULE_IDS = Object.keys(CHECK_RULES) as CheckRule[]

export function isRule(id: string): id is CheckRule {
  return Object.hasOwn(CHECK_RULES, id)
}
