/**
 * Is what the log says equal to what the model server and the program know? Nothing may be missing, nothing doubled,
 * and what has begun is in the file while it goes on.
 *
 * The truth of a scenario:
 *   agents       [{ name, parent, status }]: each life, with its parent's name (none: nobody, or the process), and how
 *                it ended (`ok` if not told). An agent that is run twice is there twice
 *   tools        [{ agent, name, toolCallId, ok, isCut }]: each that ran (`ok`: true if not told; `isCut`: it began,
 *                and a wait for a person cut it off)
 *   messages     [{ from, to, act }], by agents' names
 *   escalations  [{ from, subject, approve, isAgain }]: a part of its subject; what was decided, if anything was; whether
 *                it was asked before by another process, and has one answer with that
 *   unknown      fields of calls that the framework does not tell, by name: `responseId`, `ttftMs`
 *   sessions     how many there are. Default 1
 *   calls        of a run whose model is not the server of this test: as `server.calls` has them
 *   absent       texts that must not be anywhere beside the log: prompts, arguments, results, keys
 */

/** The agent for work in no agent's life. */
const IMPLICIT = 'main'

/** A line has to be there so many milliseconds after what it tells. */
export const LIVE_MS = 50

/**
 * @param lines `LogTail.lines`
 * @param stalledBetween that of the `LogTail`
 * @returns what was found of each kind and expected (`counts`), what is wrong (`problems`), and what came late (`late`):
 * on a machine with much else to do that may be nobody's fault
 */
export function compare({ lines, truth, calls: asked, marks, liveMs = LIVE_MS, stalledBetween = () => 0 }) {
  const calls = truth.calls ?? asked
  const log = new Log(lines)
  const problems = [...log.problems]
  const late = []
  const counts = {}
  const say = (kind, found, expected, show = JSON.stringify) => {
    counts[kind] = `${found.length}/${expected.length}`
    problems.push(...differences(kind, found.map(show), expected.map(show)))
  }

  const { agents = [], tools = [], messages = [], escalations = [], unknown = [], sessions = 1 } = truth
  if (log.sessions !== sessions) problems.push(`there are ${log.sessions} sessions, not ${sessions}`)
  say(
    'agents',
    log
      .of('spawn')
      .filter(({ agentId }) => !log.isProcess(agentId))
      .map((spawn) => ({
        name: spawn.name,
        parent: log.parentName(spawn.parent),
        status: log.exitOf(spawn)?.status,
      })),
    agents.map(({ name, parent, status = 'ok' }) => ({ name, parent, status })),
  )
  const toolOf = ({ agent, name, toolCallId }) => ({ agent: agent ?? IMPLICIT, name, toolCallId })
  say(
    'tool starts',
    log
      .of('tool.start')
      .map(({ agentId, name, toolCallId }) => ({ agent: log.nameOf(agentId), name, toolCallId })),
    tools.map(toolOf),
  )
  say(
    'tools',
    log
      .of('tool')
      .map(({ agentId, name, toolCallId, ok }) => ({ agent: log.nameOf(agentId), name, toolCallId, ok })),
    tools.filter(({ isCut }) => !isCut).map((tool) => ({ ...toolOf(tool), ok: tool.ok ?? true })),
  )
  say(
    'calls',
    log.of('usage').map((usage) => usageOf(usage, log, unknown)),
    calls.map((call) => expectedUsage(call, unknown)),
  )
  say(
    'messages',
    log.of('message').map(({ from, to, act }) => ({ from: log.nameOf(from), to: log.nameOf(to), act })),
    messages.map(({ from, to, act }) => ({ from, to, act })),
  )
  const escalated = log.of('escalate')
  say(
    'escalations',
    escalated.map(({ from, subject, id }) => {
      const wanted = escalations.find(
        (each) => each.from === log.nameOf(from) && subject.includes(each.subject ?? ''),
      )
      const answers = log.of('approval').filter((approval) => approval.id === id)
      return {
        from: log.nameOf(from),
        subject: wanted === undefined ? subject : (wanted.subject ?? ''),
        answers: answers.map(({ approve }) => approve),
      }
    }),
    escalations.map(({ from, subject = '', approve }) => ({
      from,
      subject,
      answers: approve === undefined ? [] : [approve],
    })),
  )
  const answers = log.of('approval')
  const expectedAnswers = escalations.filter(({ approve, isAgain }) => approve !== undefined && !isAgain)
  counts.approvals = `${answers.length}/${expectedAnswers.length}`
  for (const { id } of answers) {
    if (!escalated.some((each) => each.id === id)) problems.push(`approvals: nobody has asked for ${id}`)
  }

  const slowest = lateness({
    log,
    calls,
    marks,
    stalledBetween,
    say: (text, ms) => ms > liveMs && late.push(text),
  })
  return { counts, problems, late, slowestMs: slowest }
}

/** The log's lines, and whose they are. */
class Log {
  problems = []
  #lines
  #names = new Map()
  #process = new Set([IMPLICIT])

  constructor(lines) {
    this.#lines = lines
    const sessions = new Set()
    const ended = new Set()
    const seqs = new Map()
    for (const { event, file } of lines) {
      sessions.add(event.session)
      const before = seqs.get(file) ?? 0
      if (event.seq !== before + 1) this.problems.push(`seq ${event.seq} comes after ${before}`)
      seqs.set(file, event.seq)
      this.#live(event, ended)
    }
    this.sessions = sessions.size
  }

  #live(event, ended) {
    const { kind } = event
    const agentId =
      event.agentId ?? (kind === 'message' || kind === 'escalate' || kind === 'drop' ? event.from : undefined)
    if (kind === 'spawn') {
      this.#names.set(agentId, event.name)
      ended.delete(agentId)
      // In a process that is an agent as a whole that one is no agent of the framework's.
      if (event.pid !== undefined) this.#process.add(agentId)
      return
    }
    if (kind.startsWith('log.') || agentId === undefined) return
    if (!this.#names.has(agentId)) {
      this.problems.push(`${kind} of ${agentId}, which was never spawned: ${JSON.stringify(event)}`)
    } else if (ended.has(agentId)) {
      this.problems.push(`${kind} of ${agentId}, which has ended: ${JSON.stringify(event)}`)
    }
    if (kind === 'exit') ended.add(agentId)
  }

  of(kind) {
    return this.#lines.filter(({ event }) => event.kind === kind).map(({ event }) => event)
  }

  /** When the first line of that kind which `is` it was there. */
  arrival(kind, is, nth = 0) {
    return this.#lines.filter(({ event }) => event.kind === kind && is(event))[nth]?.at
  }

  isProcess(agentId) {
    return this.#process.has(agentId)
  }

  nameOf(agentId) {
    if (this.isProcess(agentId)) return IMPLICIT
    return this.#names.get(agentId) ?? agentId
  }

  parentName(agentId) {
    return agentId === undefined || this.isProcess(agentId) ? undefined : this.nameOf(agentId)
  }

  /** The exit of that life, for lives under one id end one after the other. */
  exitOf(spawn) {
    const at = this.#lines.findIndex(({ event }) => event === spawn)
    return this.#lines.slice(at).find(({ event }) => event.kind === 'exit' && event.agentId === spawn.agentId)
      ?.event
  }
}

const leaveOut = (fields, names) =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)))

/** What an instrumentation knows of a call that failed half-way is true, and what it does not know is left out. */
function usageOf(usage, log, unknown) {
  const hasFailed = usage.error !== undefined
  if (hasFailed) {
    const { agentId, model } = usage
    return leaveOut({ agent: log.nameOf(agentId), model, failed: true }, unknown)
  }
  return leaveOut(
    {
      agent: log.nameOf(usage.agentId),
      model: usage.model,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      // No tokens of the cache and none told are the same.
      cacheReadTokens: usage.cacheReadTokens || undefined,
      cacheWriteTokens: usage.cacheWriteTokens || undefined,
      responseId: usage.responseId,
      failed: false,
    },
    unknown,
  )
}

function expectedUsage(call, unknown) {
  const failed = call.error !== undefined
  return leaveOut(
    {
      agent: call.agent ?? IMPLICIT,
      model: call.asked,
      inputTokens: failed ? undefined : call.inputTokens,
      outputTokens: failed ? undefined : call.outputTokens,
      cacheReadTokens: failed ? undefined : call.cacheReadTokens || undefined,
      cacheWriteTokens: failed ? undefined : call.cacheWriteTokens || undefined,
      responseId: failed ? undefined : call.responseId,
      failed,
    },
    unknown,
  )
}

/** What is in one list and not in the other, each as often as it is there too much. */
function differences(kind, found, expected) {
  const rest = [...expected]
  const more = found.filter((each) => {
    const i = rest.indexOf(each)
    if (i >= 0) rest.splice(i, 1)
    return i < 0
  })
  return [
    ...rest.map((each) => `${kind}: missing ${each}`),
    ...more.map((each) => `${kind}: not so, or twice: ${each}`),
  ]
}

/** @returns the longest time between something and its line, of what is held to be live */
function lateness({ log, calls, marks, stalledBetween, say }) {
  let slowest = 0
  const hold = (what, at, arrival) => {
    // What never arrived is missing, and said to be.
    if (at === undefined || arrival === undefined) return
    const ms = arrival - at - stalledBetween(at, arrival)
    if (ms > slowest) slowest = ms
    say(`${what} is in the file ${ms.toFixed(1)} ms later`, ms)
  }
  const seen = new Map()
  const nth = (key) => {
    const n = seen.get(key) ?? 0
    seen.set(key, n + 1)
    return n
  }
  for (const { what, at, toolCallId, name } of marks) {
    if (what === 'agent') {
      hold(
        `the start of agent ${name}`,
        at,
        log.arrival('spawn', (event) => event.name === name, nth(`agent ${name}`)),
      )
    } else if (what === 'tool' || what === 'tool.end') {
      const is = (event) => (toolCallId === undefined ? event.name === name : event.toolCallId === toolCallId)
      const kind = what === 'tool' ? 'tool.start' : 'tool'
      hold(
        `${kind} of ${toolCallId ?? name}`,
        at,
        log.arrival(kind, is, nth(`${kind} ${toolCallId ?? name}`)),
      )
    }
  }
  const firsts = new Set()
  for (const call of calls) {
    if (call.agent !== undefined && !firsts.has(call.agent)) {
      firsts.add(call.agent)
      hold(
        `agent ${call.agent}, which calls a model,`,
        call.startedAt,
        log.arrival('spawn', ({ name }) => name === call.agent),
      )
    }
    if (call.error !== undefined) continue
    const is = (event) =>
      event.responseId !== undefined && call.responseId !== undefined
        ? event.responseId === call.responseId
        : event.inputTokens === call.inputTokens && event.outputTokens === call.outputTokens
    // What the framework itself takes until its application can know is not ours.
    const known = marks.find(({ what, responseId }) => what === 'call' && responseId === call.responseId)
    hold(`model call ${call.n}`, Math.max(call.endedAt, known?.at ?? 0), log.arrival('usage', is))
  }
  return slowest
}
