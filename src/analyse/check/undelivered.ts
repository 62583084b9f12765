/** Finds messages that nobody got, as their own lines say: `delivered: []`, `delivered: false`, or a `drop`. */

import { idOf } from '../../format/bounded.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { counted, listed, named, quoted } from './words.js'

/** Recipient and reason together. */
const MAX_GROUPS = 2_000
const MAX_IDS = 10_000

interface Lost {
  to: string
  reason: string | undefined
  senders: Set<string>
  group: Group
}

export class Undelivered implements Check {
  readonly #findings: Findings
  readonly #groups = new Recent<Lost>(MAX_GROUPS, (lost) => this.#report(lost))
  /** Messages whose own line said it; a `drop` may say it again. */
  readonly #ids = new Recent<Lost>(MAX_IDS)

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const { kind, delivered } = event
    const isDrop = kind === 'drop'
    const isToNobody = (Array.isArray(delivered) && delivered.length === 0) || delivered === false
    if (!isDrop && !isToNobody) return
    const to = idOf(event.to) ?? ''
    // A human has no inbox that could take delivery.
    if (!isDrop && to === 'human') return
    const id = idOf(event.id)
    if (id !== undefined && this.#ids.get(id) !== undefined) return
    const reason = isDrop ? (idOf(event.reason) ?? 'no reason given') : undefined
    const key = `${to}\n${reason ?? ''}`
    const known = this.#groups.get(key)
    const lost = known ?? { to, reason, senders: new Set<string>(), group: new Group(placeOf(entry)) }
    if (known === undefined) this.#groups.set(key, lost)
    else lost.group.add(placeOf(entry))
    const from = idOf(event.from)
    if (from !== undefined && lost.senders.size < 100) lost.senders.add(from)
    if (id !== undefined) this.#ids.set(id, lost)
  }

  end(): void {
    for (const lost of this.#groups.values()) this.#report(lost)
    this.#findings.forgot(this.#ids.forgotten, 'undelivered message')
  }

  #report({ to, reason, senders, group }: Lost): void {
    const by = senders.size > 0 ? ` from ${listed([...senders])}` : ''
    const what = `${counted(group.count, 'message')}${by} to ${to === '' ? 'an unnamed recipient' : named(to)}`
    const was = group.count === 1 ? 'was' : 'were'
    const message =
      reason === undefined
        ? `${what} ${was} delivered to nobody`
        : `${what} ${was} dropped: ${quoted(reason)}`
    const agents = to === '' ? [...senders] : [to, ...senders]
    this.#findings.report('undelivered', { message, group, agents })
  }
}
