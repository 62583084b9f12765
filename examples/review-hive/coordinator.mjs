/**
 * Runs the reviewers' processes and carries everything between them: messages, the lock, escalations. All of it
 * passes here, so this is where it is recorded, and the log has the one writer that it needs.
 */
import { fork } from 'node:child_process'
import { Inbox } from './inbox.mjs'
import { Lock } from './lock.mjs'

/** For a reviewer, waiting costs nothing. */
const A_DAY = 86_400_000

export class Coordinator {
  #hive
  #decide
  #members = new Map()
  #lock = new Lock()

  /**
   * @param decide asked with each escalation and its handle; resolves to `{ approve, by, note }`, with `isRecorded`
   * where that is in the log already
   */
  constructor(hive, decide) {
    this.#hive = hive
    this.#decide = decide
  }

  /** Gives an agent of this process an inbox. */
  join(agent) {
    const member = { agent, inbox: new Inbox() }
    this.#members.set(agent.agentId, member)
    return member
  }

  /** Spawns an agent under `parent`, and starts the process that it lives in. */
  start(parent, input, script) {
    const member = this.join(parent.spawn(input))
    // With this environment the process is part of the trace, should it use OpenTelemetry itself.
    member.child = fork(script, { env: { ...process.env, ...member.agent.env() } })
    member.ended = this.#untilExit(member)
    member.child.on('message', (request) => this.#answer(member, request))
    return member
  }

  isRunning(agentId) {
    return this.#members.get(agentId)?.agent.ended === false
  }

  /** Records a message and puts it into the receiver's inbox; `body` travels along and stays out of the log. */
  message(from, { body, ...input }) {
    const sent = from.message(input)
    const { id, traceparent } = sent
    if (this.isRunning(input.to)) {
      const { to, act, subject, inReplyTo } = input
      this.#members.get(to).inbox.put({ id, traceparent, from: from.agentId, act, subject, inReplyTo, body })
    } else {
      from.drop({ to: input.to, id, reason: 'the agent is not running' })
    }
    return id
  }

  /** Takes what is in an agent's inbox; waits up to `waitMs` for something to come. */
  async drain({ agent, inbox }, waitMs) {
    const messages = await inbox.take(waitMs)
    // The log says which messages were taken, and the trace links to the spans that they came from.
    if (messages.length > 0) agent.drain(messages)
    return messages
  }

  /** Ends the reviewers' processes. */
  stop() {
    for (const { child } of this.#members.values()) child?.kill()
  }

  /** Resolves when all processes have ended and that is recorded. */
  async ended() {
    await Promise.all([...this.#members.values()].map((member) => member.ended))
  }

  async #answer(member, { call, type, ...input }) {
    let reply
    try {
      reply = { call, value: await this.#do(member, type, input) }
    } catch (error) {
      reply = { call, error: error.message }
    }
    // Whoever has died meanwhile needs no answer.
    if (member.child.connected) member.child.send(reply, () => {})
  }

  #do(member, type, input) {
    const { agent } = member
    switch (type) {
      case 'message':
        return this.message(agent, input)
      case 'drain':
        return this.drain(member, A_DAY)
      case 'tool':
        return agent.tool(input)
      case 'log':
        return agent.log(input.kind, input.fields)
      case 'acquire':
        return this.#acquire(agent, input.resource)
      case 'release':
        return this.#lock.release(agent.agentId)
      case 'escalate':
        return this.#escalate(agent, input)
      default:
        throw new Error(`the coordinator does not know '${type}'`)
    }
  }

  async #acquire(agent, resource) {
    const { ms, holder } = await this.#lock.acquire(agent.agentId)
    if (holder !== undefined) agent.wait({ resource, ms: Math.round(ms), holder })
  }

  async #escalate(agent, { subject, risk }) {
    const asked = agent.escalate({ subject })
    // On disk before anybody is asked, and the answer is before anybody acts on it.
    await asked.durable
    const { approve, by, note, isRecorded } = await this.#decide({ id: asked.id, ...risk }, asked)
    if (isRecorded) return { approve, by, note }
    try {
      await this.#hive.approve(asked.id, approve, { by, note })
      return { approve, by, note }
    } catch (error) {
      if (error.code !== 'ERR_HIVELOG_DECIDED') throw error
      // Somebody was faster, from a page or a shell.
      return asked.decision
    }
  }

  async #untilExit({ agent, child, inbox }) {
    const { code, signal, error } = await exitOf(child)
    this.#lock.release(agent.agentId)
    if (signal) agent.end({ status: 'killed', error: signal })
    else if (error) agent.end({ error })
    else if (code !== 0) agent.end({ status: 'error', error: `exit code ${code}` })
    else agent.end()
    for (const { id, from } of inbox.close()) {
      if (this.isRunning(from))
        this.#members.get(from).agent.drop({ to: agent.agentId, id, reason: 'the agent has exited' })
    }
  }
}

function exitOf(child) {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    // It could not even be started.
    child.once('error', (error) => resolve({ error }))
  })
}
