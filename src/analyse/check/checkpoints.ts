/**
 * Finds events of an agent that are missing or come again, by their `checkpoint`, which counts from 0 in each life.
 * Lives of one id can overlap, so a few counts are followed at once. What is known to be lost otherwise (`log.gap`,
 * `log.torn`, missing and malformed lines) is not found again.
 */

import { amountOf, idOf } from '../../format/bounded.js'
import { ownSeq } from '../../format/decode.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { counted, grouped, named, placed } from './words.js'

const MAX_AGENTS = 20_000
/** Lives of one id that are followed at once. */
const MAX_LIVES = 8

interface Life {
  session: string
  next: number
}

interface Counted {
  agent: string
  lives: Life[]
  missing: number
  repeated: number
  group: Group | undefined
  /** What the first place is about. */
  detail: string
}

export class Checkpoints implements Check {
  readonly #findings: Findings
  readonly #agents = new Recent<Counted>(MAX_AGENTS, (counted) => this.#report(counted))
  /** Events that are known to be lost, and may be anyone's. */
  #lost = 0
  #lastSeq: number | undefined

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const seq = ownSeq(event)
    if (seq !== undefined) {
      if (this.#lastSeq !== undefined && seq > this.#lastSeq + 1) this.#lost += seq - this.#lastSeq - 1
      this.#lastSeq = seq
    }
    const { kind, checkpoint } = event
    if (kind.startsWith('log.')) {
      if (kind === 'log.gap') this.#lost += amountOf(event.lost)
      else if (kind === 'log.torn') this.#lost++
      return
    }
    if (!Number.isSafeInteger(checkpoint) || (checkpoint as number) < 0) return
    const agent = idOf(event.agentId) ?? idOf(event.from)
    if (agent === undefined) return
    this.#count(agent, idOf(event.session) ?? '', checkpoint as number, kind === 'spawn', entry)
  }

  malformed(): void {
    this.#lost++
  }

  end(): void {
    for (const counts of this.#agents.values()) this.#report(counts)
    this.#findings.forgot(this.#agents.forgotten, "agent's count")
  }

  #count(agent: string, session: string, checkpoint: number, isSpawn: boolean, entry: HiveEntry): void {
    let counts = this.#agents.get(agent)
    if (counts === undefined) {
      counts = { agent, lives: [], missing: 0, repeated: 0, group: undefined, detail: '' }
      this.#agents.set(agent, counts)
    }
    const { lives } = counts
    let life: Life | undefined
    if (!isSpawn) {
      for (let i = lives.length - 1; i >= 0; i--) {
        const each = lives[i] as Life
        if (each.session !== session) continue
        life ??= each
        if (each.next === checkpoint) {
          each.next++
          return
        }
      }
    }
    if (life === undefined) {
      lives.push({ session, next: checkpoint + 1 })
      if (lives.length > MAX_LIVES) lives.shift()
      return
    }
    const { next } = life
    life.next = checkpoint + 1
    this.#missed(counts, next, checkpoint, entry)
  }

  #missed(counts: Counted, next: number, checkpoint: number, entry: HiveEntry): void {
    const place = placeOf(entry)
    if (checkpoint > next) {
      const missing = checkpoint - next
      if (missing <= this.#lost) {
        this.#lost -= missing
        return
      }
      counts.missing += missing
    } else {
      counts.repeated++
    }
    if (counts.group !== undefined) {
      counts.group.add(place)
      return
    }
    counts.group = new Group(place)
    counts.detail = `${grouped(checkpoint)} follows on ${grouped(next - 1)} at ${placed(place, place)}`
  }

  #report({ agent, missing, repeated, group, detail }: Counted): void {
    if (group === undefined) return
    const what: string[] = []
    if (missing > 0) what.push(`${counted(missing, 'event')} missing`)
    if (repeated > 0) what.push(`${counted(repeated, 'step')} back`)
    const message = `agent ${named(agent)}: ${what.join(' and ')} in its count of events (first, checkpoint ${detail})`
    this.#findings.report('checkpoint-gap', { message, group, agents: [agent] })
  }
}
