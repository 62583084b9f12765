/** The rules of docs/hive.md in the plainest way: lists, no bounds, no care for time. What the model is compared with. */

export interface Event {
  ts: number
  kind: string
  [field: string]: unknown
}

export interface Entry {
  event: Event
  seq: number
  log: string
  file: string
  line: number
}

interface Agent {
  id: string
  status: string
  lives: number
  isGod: boolean
  spawned: number
  log: string
}

interface Message {
  seq: number
  log: string
  ts: number
  id: string | undefined
}

interface Box {
  messages: Message[]
  early: string[]
  credits: number[]
  estimated: boolean
}

const ENDED = ['ok', 'error', 'killed', 'lost']
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

export class Naive {
  readonly agents: Agent[] = []
  readonly boxes: Record<string, Box> = Object.create(null)
  pending: { id: string; seq: number; log: string }[] = []
  #decided: string[] = []
  #early: string[] = []
  /** Cents, so that sums are exact. */
  cents = 0
  unpriced = 0
  #writers: Record<string, Event> = {}
  #ours: Record<string, boolean> = {}
  #seen: Record<string, boolean> = {}
  #step = 0

  add({ event, seq, log }: Entry): void {
    this.#step++
    const isFirst = this.#seen[log] !== true
    this.#seen[log] = true
    if (typeof event.seq === 'number') this.#ours[log] = true
    const foreign = this.#ours[log] !== true
    const { kind } = event
    if (kind === 'log.open') this.#open(event, log, isFirst)
    if (kind.startsWith('log.')) return
    const who = kind === 'agent-hold' ? text(event.id) : text(event.agentId)
    const noAgent = ['message', 'escalate', 'approval', 'drop', 'terminal-handoff', 'app-start']
    if (kind === 'spawn' && who !== undefined) this.#spawn(who, event, log)
    else if (who !== undefined && !noAgent.includes(kind)) this.#own(who, event, log, foreign)
    if (kind === 'usage') {
      if (typeof event.costUsd === 'number' && event.costUsd >= 0)
        this.cents += Math.round(event.costUsd * 100)
      else this.unpriced++
    }
    if (kind === 'app-start') this.#loseAll(log, ['alive', 'held'])
    if (kind === 'message') this.#message(event, seq, log, foreign)
    if (kind === 'drop') this.#drop(event, seq, log, foreign)
    if (kind === 'escalate') this.#escalate(event, seq, log)
    if (kind === 'approval') this.#approval(event)
  }

  agent(id: string): Agent | undefined {
    return this.agents.find((each) => each.id === id)
  }

  #agent(id: string, log: string): Agent {
    const known = this.agent(id)
    if (known !== undefined) return known
    const made = { id, status: 'alive', lives: 0, isGod: false, spawned: 0, log }
    this.agents.push(made)
    return made
  }

  #god(): Agent | undefined {
    return this.agents.filter(({ isGod }) => isGod).sort((a, b) => b.spawned - a.spawned)[0]
  }

  #box(id: string): Box {
    this.boxes[id] ??= { messages: [], early: [], credits: [], estimated: false }
    return this.boxes[id] as Box
  }

  #open(event: Event, log: string, isFirst: boolean): void {
    const before = this.#writers[log]
    this.#writers[log] = event
    if (isFirst) return
    if (before !== undefined) {
      const isAlike = ['pid', 'host', 'session', 'started'].every((field) => before[field] === event[field])
      const isOld = before.started === undefined
      if (isAlike && (!isOld || Number(event.segment) > Number(before.segment))) return
    }
    this.#loseAll(log, ['alive', 'held', 'archived'])
  }

  #loseAll(log: string, statuses: string[]): void {
    for (const agent of this.agents) {
      if (agent.log === log && statuses.includes(agent.status)) agent.status = 'lost'
    }
  }

  #spawn(id: string, event: Event, log: string): void {
    const agent = this.#agent(id, log)
    if (agent.lives > 0 && !ENDED.includes(agent.status)) {
      if (log.startsWith(`${agent.log}.agents/`)) {
        agent.log = log
        return
      }
      if (agent.log.startsWith(`${log}.agents/`)) return
    }
    agent.status = 'alive'
    agent.lives++
    agent.isGod = event.isGod === true
    agent.spawned = this.#step
    agent.log = log
  }

  #own(id: string, event: Event, log: string, foreign: boolean): void {
    const agent = this.#agent(id, log)
    const { kind, archived, onHold } = event
    const { status } = agent
    if (kind === 'archive') {
      if (archived === true && !ENDED.includes(status)) agent.status = 'archived'
      if (archived === false && status === 'archived') agent.status = 'alive'
    }
    if (kind === 'agent-hold') {
      if (onHold === true && status === 'alive') agent.status = 'held'
      if (onHold === false && status === 'held') agent.status = 'alive'
    }
    if (kind === 'exit') {
      if (log !== agent.log && ['ok', 'error', 'killed'].includes(status)) return
      if (ENDED.includes(event.status as string)) agent.status = event.status as string
      else if (event.error !== undefined || (typeof event.exitCode === 'number' && event.exitCode !== 0))
        agent.status = 'error'
      else agent.status = event.signal === undefined ? 'ok' : 'killed'
    }
    if (kind === 'drain') this.#drain(id, event, foreign)
  }

  #drain(id: string, { ids, count, ts }: Event, foreign: boolean): void {
    const box = this.#box(id)
    if (!Array.isArray(ids) && foreign) {
      box.messages = []
      box.estimated = true
      return
    }
    let rest = typeof count === 'number' ? count : 0
    if (Array.isArray(ids)) {
      for (const each of ids) {
        const at = box.messages.findIndex((message) => message.id === each)
        if (at !== -1) box.messages.splice(at, 1)
        else if (!box.early.includes(each)) box.early.push(each)
      }
      rest -= ids.length
    }
    while (rest > 0 && box.messages.length > 0) {
      box.messages.shift()
      rest--
    }
    for (; rest > 0; rest--) box.credits.push(ts)
  }

  /** Whose inbox a name means. */
  #inboxOf(name: string, foreign: boolean): string | undefined {
    const agent = this.agent(name)
    if (['human', 'scheduler', 'broadcast'].includes(name)) {
      if (agent !== undefined && agent.lives > 0) return name
      return name === 'human' && foreign ? this.#god()?.id : undefined
    }
    if (agent !== undefined) return name
    return name === 'god' ? (this.#god()?.id ?? 'god') : name
  }

  #message(event: Event, seq: number, log: string, foreign: boolean): void {
    const { delivered } = event
    const to = text(event.to)
    const from = text(event.from)
    let recipients: string[] = []
    if (Array.isArray(delivered)) {
      recipients = [...new Set((delivered as string[]).map((name) => this.#inboxOf(name, foreign)))].filter(
        (id) => id !== undefined,
      )
    } else if (delivered !== false && to === 'broadcast') {
      recipients = this.agents
        .filter(({ id, status }) => (status === 'alive' || status === 'held') && id !== from)
        .map(({ id }) => id)
    } else if (delivered !== false && to !== undefined) {
      const one = this.#inboxOf(to, foreign)
      if (one !== undefined) recipients = [one]
    }
    for (const id of recipients) this.#put(id, { seq, log, ts: event.ts, id: text(event.id) })
    const isGuess = foreign && (Array.isArray(delivered) ? delivered.includes('human') : to === 'human')
    const guessed = this.#inboxOf('human', foreign)
    // Whoever is named beside is so without guessing.
    const isNamed =
      Array.isArray(delivered) &&
      delivered.some((name) => name !== 'human' && this.#inboxOf(name as string, foreign) === guessed)
    if (isGuess && delivered !== false && guessed !== undefined && guessed !== 'human' && !isNamed)
      this.#box(guessed).estimated = true
  }

  #put(id: string, message: Message): void {
    const box = this.#box(id)
    const early = box.early.indexOf(message.id ?? '\0')
    if (early !== -1) box.early.splice(early, 1)
    else if (!this.#isCredited(box, message.ts)) box.messages.push(message)
  }

  /** Of the drains that can have taken it, it is the earliest, which can have taken the fewest others. */
  #isCredited({ credits }: Box, ts: number): boolean {
    const [earliest] = credits.filter((drained) => drained > ts).sort((a, b) => a - b)
    if (earliest === undefined) return false
    credits.splice(credits.indexOf(earliest), 1)
    return true
  }

  #drop(event: Event, seq: number, log: string, foreign: boolean): void {
    const id = text(event.id)
    const to = text(event.to)
    if (id === undefined || to === undefined) return
    const god = this.#god()
    const isRerouted = foreign && event.reason === 'no-inbox' && god !== undefined
    const from = this.#inboxOf(to, foreign)
    let message: Message | undefined
    if (from !== undefined && !(isRerouted && from === god.id)) {
      const { messages } = this.#box(from)
      const at = messages.findIndex((each) => each.id === id)
      if (at !== -1) message = messages.splice(at, 1)[0]
    }
    if (!isRerouted) return
    const box = this.#box(god.id)
    if (!box.messages.some((each) => each.id === id))
      this.#put(god.id, message ?? { seq, log, ts: event.ts, id })
    box.estimated = true
  }

  #escalate(event: Event, seq: number, log: string): void {
    const id = text(event.id)
    if (id === undefined) return
    if (this.#early.includes(id)) {
      this.#early = this.#early.filter((each) => each !== id)
      this.#decided.push(id)
      return
    }
    this.#decided = this.#decided.filter((each) => each !== id)
    this.pending = this.pending.filter((each) => each.id !== id)
    this.pending.push({ id, seq, log })
  }

  #approval(event: Event): void {
    const id = text(event.id)
    if (id === undefined || typeof event.approve !== 'boolean') return
    if (this.pending.some((each) => each.id === id)) {
      this.pending = this.pending.filter((each) => each.id !== id)
      this.#decided.push(id)
    } else if (!this.#decided.includes(id) && !this.#early.includes(id)) this.#early.push(id)
  }
}
