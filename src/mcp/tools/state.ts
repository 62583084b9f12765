/** `state_at` and `inbox`: what the hive was after an event. */
import { stateAnswer, stateAt as stateBefore } from '../../analyse/replay.js'
import type { HiveState, InboxState, LogPlace } from '../../model/state.js'
import type { Content } from '../../serve/api/content.js'
import type { Row } from '../answer.js'
import { AskError, type Given } from '../arguments.js'
import type { Hive } from '../hives.js'
import { listed, only, questionOf, type Tool, totalsOf } from '../tool.js'

const WHEN = {
  at: { type: 'number', about: 'position of the last event that counts; default: the last of the log' },
  time: { type: 'time', about: 'in place of at: the state just before the first event that is later' },
} as const

export const stateAt: Tool = {
  name: 'state_at',
  title: 'What the hive was at any event',
  about:
    'The hive after an event: what waits for a person (pending), agents with status, usage and last event, in whose inbox how much waits. Sums of messages, losses and cost in the report. The figures of `hivelog state`.',
  takes: WHEN,
  async run({ hive, given }) {
    const content = await hive.content()
    const { report: state, stamp } = await hive.asked(questionOf('state', whenOf(given)), async () => {
      const { inboxes, ...rest } = await stateOf(hive, given)
      return { ...rest, inboxes: inboxes.map(withoutMessages) }
    })
    const { agents, pending, inboxes, ...rest } = state
    const place = (of: LogPlace, seq: number | undefined): string | undefined =>
      placeIn(hive, content, of, seq)
    const rows: Row[] = [
      ...pending.map((each) => ({ list: 'pending', at: place(each, each.seq), value: bare(each) })),
      ...agents.map((each) => ({ list: 'agents', at: place(each, each.lastSeq), value: bare(each) })),
      ...inboxes.map(({ newest, ...each }) => ({
        list: 'inboxes',
        at: newest && place(newest, newest.seq),
        value: each,
      })),
    ]
    return {
      report: hive.places.short(rest),
      total: rows.length,
      totals: totalsOf(rows, ['pending', 'agents', 'inboxes']),
      stamp,
      rows: listed(rows),
    }
  },
}

export const inbox: Tool = {
  name: 'inbox',
  title: 'What waits in an inbox',
  about:
    'Messages that were routed to somebody and not drained, after an event: how many wait, and the newest 100 of them, oldest first. As `hivelog state` tells them.',
  takes: { agent: { type: 'text', about: 'id of the agent, or another recipient', needed: true }, ...WHEN },
  async run({ hive, given }) {
    const agent = given.agent as string
    const content = await hive.content()
    const asked = { ...whenOf(given), agent }
    const { report, stamp } = await hive.asked(questionOf('inbox', asked), async () => {
      const { agents, inboxes, position, ts } = await stateOf(hive, given)
      const status = agents.find(({ agentId }) => agentId === agent)?.status
      const found = inboxes.find(({ recipient }) => recipient === agent)
      const { messages = [], ...counts } = found ?? { recipient: agent, waiting: 0 }
      return { messages, report: { ...counts, listed: messages.length, position, ts, status } }
    })
    if (report.report.status === undefined && report.report.waiting === 0)
      throw new AskError(
        `nobody is called ${JSON.stringify(agent)} at that position; state_at lists agents and inboxes`,
      )
    const rows = report.messages.map(
      (each): Row => ({ at: placeIn(hive, content, each, each.seq), value: bare(each) }),
    )
    return { report: report.report, total: rows.length, stamp, rows: listed(rows) }
  },
}

type State = Omit<HiveState, 'carry'> & { file: string; position?: number }

const whenOf = (given: Given): Given => only(given, ['at', 'time']) as Given

async function stateOf(hive: Hive, { at, time }: Given): Promise<State> {
  if (at !== undefined && time !== undefined) throw new AskError('give at or time, not both')
  if (time !== undefined)
    return stateAnswer(hive.file, await stateBefore([hive.file], { time: time as number }, 'all'))
  const { state, position } = await hive.view.state(at as number | undefined)
  return { ...stateAnswer(hive.file, state), position }
}

type Inbox = Omit<InboxState, 'messages'> & { listed: number; newest?: LogPlace & { seq: number } }

/** An inbox with the place of its newest message alone: all of them would be most of a state. */
function withoutMessages({ messages, ...inbox }: InboxState): Inbox {
  const newest = messages.at(-1)
  return {
    ...inbox,
    listed: messages.length,
    ...(newest !== undefined && { newest: { ...placeOf(newest), seq: newest.seq } }),
  }
}

function placeOf({ log, file, line }: LogPlace): LogPlace {
  return log === undefined || file === undefined || line === undefined ? {} : { log, file, line }
}

/** Where several logs are read as one, each says where it is; else its `seq` tells. */
function placeIn(hive: Hive, content: Content, of: LogPlace, seq: number | undefined): string | undefined {
  if (of.file !== undefined) return hive.places.at({ ...of, seq })
  return seq === undefined || content.isSeveral ? undefined : hive.places.ofSeq(content, seq)
}

/** Without what the row's place tells. */
function bare<T extends LogPlace>({ log: _, file: __, line: ___, ...rest }: T): object {
  return rest
}
