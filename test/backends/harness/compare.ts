/** Compares a hive's files with what Jaeger has of it, all fields and all times, and counts. */
import {
  difference,
  eventAttributes,
  hasFailed,
  lifeAttributes,
  statusDifference,
  workAttributes,
} from './attributes.js'
import type { WantedHive, WantedLife, WantedWork } from './hive-log.js'
import type { StoredEvent, StoredSpan } from './trace.js'

export interface Row {
  what: string
  file: number
  jaeger: number
  /** How many of the file's are in Jaeger with all that they say. */
  equal: number
}

export interface Comparison {
  rows: Row[]
  /** What is not as it should be: the first of it. */
  problems: string[]
}

const MAX_PROBLEMS = 10

export function compare(wanted: WantedHive, spans: readonly StoredSpan[]): Comparison {
  return new Comparer(wanted, spans).compare()
}

class Comparer {
  #wanted: WantedHive
  #spans: readonly StoredSpan[]
  #byId: Map<string, StoredSpan>
  #rows: Row[] = []
  #problems: string[] = []

  constructor(wanted: WantedHive, spans: readonly StoredSpan[]) {
    this.#wanted = wanted
    this.#spans = spans
    this.#byId = new Map(spans.map((span) => [span.id, span]))
  }

  compare(): Comparison {
    this.#spansOnce()
    this.#lives()
    this.#work('tool')
    this.#work('usage')
    this.#work('call')
    this.#links()
    this.#events()
    this.#warnings()
    return { rows: this.#rows, problems: this.#problems }
  }

  #row(what: string, file: number, jaeger: number, equal: number): void {
    this.#rows.push({ what, file, jaeger, equal })
    if (file !== jaeger || file !== equal)
      this.#problem(`${what}: ${file} in the file, ${jaeger} in Jaeger, ${equal} equal`)
  }

  #problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text)
  }

  /** Counts those that are as they should be, and notes why the others are not. */
  #count<T>(all: readonly T[], name: (each: T) => string, check: (each: T) => string | undefined): number {
    let equal = 0
    for (const each of all) {
      const problem = check(each)
      if (problem === undefined) equal++
      else this.#problem(`${name(each)}: ${problem}`)
    }
    return equal
  }

  /** Jaeger has nothing to warn of. */
  #warnings(): void {
    for (const { name, warnings } of this.#spans) {
      for (const warning of warnings) this.#problem(`${name}: ${warning}`)
    }
  }

  /** Each span that a line names is there, once; and no other. */
  #spansOnce(): void {
    const ids = new Set(this.#wanted.lines.map((line) => String(line.span)))
    const equal = this.#count([...ids], String, (id) => (this.#byId.has(id) ? undefined : 'not in Jaeger'))
    this.#row('spans', ids.size, this.#spans.length, equal)
    const twice = this.#spans.filter((span) => this.#byId.get(span.id) !== span)
    for (const span of twice) this.#problem(`span ${span.id} (${span.name}) is there twice`)
    for (const span of this.#spans)
      if (!ids.has(span.id)) this.#problem(`${span.id} (${span.name}) is in no line`)
  }

  #lives(): void {
    const isAgent = (span: StoredSpan) => span.attributes.get('gen_ai.operation.name') === 'invoke_agent'
    const isFirst = (span: StoredSpan) => !span.attributes.has('hive.span.part')
    const agents = this.#spans.filter(isAgent)
    const sessions = this.#spans.filter(({ name }) => name === 'hive.session')
    const lives = this.#wanted.lives.filter(({ spawn }) => spawn !== undefined)
    const others = this.#wanted.lives.filter(({ spawn }) => spawn === undefined)
    const nameOf = ({ spawn, session }: WantedLife) => `${spawn?.agentId ?? 'session'} of ${session}`
    const firstOk = this.#count(lives, nameOf, (life) => this.#beginning(life))
    this.#row('agents (spawn)', lives.length, agents.filter(isFirst).length, firstOk)
    for (const [what, which, stored] of [
      ['parts of agents', lives, agents],
      ['parts of sessions', others, sessions],
    ] as const) {
      const parts = which.flatMap((life) => life.parts.map((_, i) => ({ life, i })))
      const name = ({ life, i }: { life: WantedLife; i: number }) => `part ${i + 1} of ${nameOf(life)}`
      this.#row(
        what,
        parts.length,
        stored.length,
        this.#count(parts, name, ({ life, i }) => this.#part(life, i)),
      )
    }
    const ended = lives.filter(({ exit }) => exit !== undefined)
    const exits = agents.filter((span) => span.attributes.has('hive.agent.exit_status'))
    this.#row(
      'exit',
      ended.length,
      exits.length,
      this.#count(ended, nameOf, (life) => this.#exit(life)),
    )
    const failed =
      this.#wanted.work.filter(({ line }) => hasFailed(line)).length + ended.filter(isFailure).length
    const errors = this.#spans.filter((span) => span.status.code === 2).length
    this.#row('error status', failed, errors, Math.min(failed, errors))
  }

  #beginning({ spawn, parts }: WantedLife): string | undefined {
    const first = this.#byId.get(parts[0] as string)
    if (first === undefined) return 'not in Jaeger'
    return first.startNanos === nanosOf(spawn?.ts)
      ? undefined
      : `begins at ${first.startNanos} ns, not ${spawn?.ts} ms`
  }

  #part(life: WantedLife, i: number): string | undefined {
    const { spawn, parts, parents, exit } = life
    const span = this.#byId.get(parts[i] as string)
    if (span === undefined) return 'not in Jaeger'
    const name = spawn === undefined ? 'hive.session' : `invoke_agent ${spawn.name}`
    if (span.name !== name) return `named ${span.name}, not ${name}`
    // Later parts are under the first one.
    const above = i > 0 ? [parts[0]] : parents
    const isUnder = above.length === 0 ? span.parent === undefined : above.includes(span.parent ?? '')
    if (!isUnder) return `under ${span.parent}, not ${above}`
    const before = parts[i - 1]
    if (before !== undefined && !span.links.includes(before)) return `no link to the part before, ${before}`
    const isLast = i === parts.length - 1
    const wanted = lifeAttributes(spawn, life.session)
    if (i > 0) wanted.set('hive.span.part', i + 1)
    if (!isLast) wanted.set('hive.span.continued', true)
    if (isLast && exit !== undefined) {
      wanted.set('hive.agent.exit_status', exit.status)
      // The class of an error is not in the file.
      if (isFailure(life)) wanted.set('error.type', span.attributes.get('error.type') ?? 'missing')
    }
    return difference(wanted, span.attributes)
  }

  #exit(life: WantedLife): string | undefined {
    const span = this.#byId.get(life.parts.at(-1) as string)
    const { exit } = life
    if (span === undefined || exit === undefined) return 'not in Jaeger'
    if (!endsAt(span, exit.ts)) return `ends at ${span.endNanos} ns, not ${exit.ts} ms`
    return statusDifference(isFailure(life), exit.error, span)
  }

  #work(kind: 'tool' | 'call' | 'usage'): void {
    const all = this.#wanted.work.filter(({ line }) => line.kind === kind)
    const operation = { tool: 'execute_tool', usage: 'chat', call: undefined }[kind]
    const spans = this.#spans.filter(
      (span) =>
        span.attributes.get('gen_ai.operation.name') === operation && (kind !== 'call' || span.kind === 3),
    )
    const equal = this.#count(
      all,
      ({ line }) => `${kind} in line ${line.seq}`,
      (each) => this.#workOf(each),
    )
    this.#row(kind, all.length, spans.length, equal)
  }

  #workOf({ line, parent }: WantedWork): string | undefined {
    const span = this.#byId.get(String(line.span))
    if (span === undefined) return 'not in Jaeger'
    const { ts, ms, kind } = line
    const model = line.model === undefined ? 'chat' : `chat ${line.model}`
    const name =
      kind === 'tool' ? `execute_tool ${line.name}` : kind === 'usage' ? model : String(line.method)
    if (span.name !== name) return `named ${span.name}, not ${name}`
    if (span.parent !== parent) return `under ${span.parent}, not ${parent}`
    const startNanos = nanosOf(ts - (typeof ms === 'number' ? ms : 0))
    if (span.startNanos !== startNanos || !endsAt(span, ts))
      return `from ${span.startNanos} to ${span.endNanos} ns`
    return (
      difference(workAttributes(line), span.attributes) ?? statusDifference(hasFailed(line), line.error, span)
    )
  }

  #links(): void {
    const before = new Map<string, string>()
    for (const { parts } of this.#wanted.lives) {
      for (const [i, part] of parts.entries()) if (i > 0) before.set(part, parts[i - 1] as string)
    }
    const { senders } = this.#wanted
    const file = [...senders.values()].reduce((sum, each) => sum + each.size, 0)
    let jaeger = 0
    let equal = 0
    for (const span of this.#spans) {
      const links = [...span.links]
      const chained = links.indexOf(before.get(span.id) ?? '')
      if (chained !== -1) links.splice(chained, 1)
      jaeger += links.length
      const wanted = senders.get(span.id) ?? new Set()
      equal += links.filter((link) => wanted.has(link)).length
      const missing = [...wanted].filter((sender) => !links.includes(sender))
      if (missing.length > 0) this.#problem(`${span.name} ${span.id} does not link to ${missing}`)
    }
    this.#row('links to senders', file, jaeger, equal)
  }

  #events(): void {
    const stored = new Map<string, StoredEvent[]>()
    const counts = new Map<string, number>()
    for (const { id, events } of this.#spans) {
      for (const event of events) {
        const key = `${id} ${event.name} ${event.nanos}`
        const same = stored.get(key)
        if (same === undefined) stored.set(key, [event])
        else same.push(event)
        counts.set(event.name, (counts.get(event.name) ?? 0) + 1)
      }
    }
    const kinds = [...new Set(this.#wanted.events.map(({ kind }) => kind))].sort()
    for (const kind of kinds) {
      const lines = this.#wanted.events.filter((line) => line.kind === kind)
      const equal = this.#count(
        lines,
        (line) => `${kind} in line ${line.seq}`,
        (line) => {
          const same = stored.get(`${line.span} hive.${kind} ${nanosOf(line.ts)}`) ?? []
          const attributes = eventAttributes(line)
          const at = same.findIndex((event) => difference(attributes, event.attributes) === undefined)
          if (at !== -1) same.splice(at, 1)
          else if (same.length === 0) return 'no such event at that time on its span'
          else return difference(attributes, (same[0] as StoredEvent).attributes)
          return undefined
        },
      )
      this.#row(kind, lines.length, counts.get(`hive.${kind}`) ?? 0, equal)
    }
    const jaeger = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const rest = [...stored.values()].reduce((sum, events) => sum + events.length, 0)
    this.#row('events on spans', this.#wanted.events.length, jaeger, jaeger - rest)
  }
}

const isFailure = ({ exit }: WantedLife): boolean => exit?.status === 'error' || exit?.status === 'lost'

const nanosOf = (ms = 0): bigint => BigInt(ms) * 1_000_000n

/** A span that had no length has a microsecond. */
function endsAt({ startNanos, endNanos }: StoredSpan, ms: number): boolean {
  return endNanos === nanosOf(ms) || (endNanos === startNanos + 1_000n && startNanos === nanosOf(ms))
}
