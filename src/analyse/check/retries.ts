/** Finds calls and tools that one agent repeats again and again. */

import { idOf } from '../../format/bounded.js'
import { hasCallFailed, hasToolFailed, httpStatus } from '../../format/outcome.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, placeOf } from './findings.js'
import { RecentWork } from './recent.js'
import { type Passed, Storm, type StormLimits } from './storm.js'
import { between, grouped, lasting, named } from './words.js'

/** An agent and what it does. */
const MAX_KEYS = 10_000
const LONGEST_ERROR = 60

interface Work {
  agent: string
  /** `called POST api.example.com/v1` */
  did: string
  storm: Storm
}

export class Retries implements Check {
  readonly #findings: Findings
  readonly #limits: StormLimits
  readonly #works = new RecentWork<Work>(MAX_KEYS, (work) => this.#report(work, work.storm.end()))

  constructor(findings: Findings) {
    this.#findings = findings
    const { settings } = findings
    this.#limits = {
      max: settings.number('retry-storm', 'max'),
      successes: settings.number('retry-storm', 'successes'),
      within: settings.number('retry-storm', 'within'),
    }
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const agent = idOf(event.agentId)
    if (agent === undefined) return
    const isCall = event.kind === 'call'
    const name = isCall ? callOf(event) : idOf(event.name)
    if (name === undefined) return
    let work = this.#works.get(agent, isCall, name)
    if (work === undefined) {
      const did = isCall ? `called ${name}` : `ran the tool ${name}`
      work = { agent, did, storm: new Storm(this.#limits) }
      this.#works.add(agent, isCall, name, work)
    }
    const error = errorOf(event)
    this.#report(work, work.storm.add(event.ts, placeOf(entry), error !== undefined, error))
  }

  end(): void {
    for (const work of this.#works.values()) this.#report(work, work.storm.end())
    this.#findings.forgot(this.#works.forgotten, 'call or tool')
  }

  #report({ agent, did }: Work, passed: Passed | undefined): void {
    if (passed === undefined) return
    const { group, failed, ms, lastError } = passed
    const times = `${grouped(group.count)} times in ${lasting(ms)} (${between(group.first, group.last)})`
    const last =
      lastError === undefined || lastError === '' ? '' : `, at last with ${named(lastError, LONGEST_ERROR)}`
    const failures =
      failed === 0 ? 'none failed' : `${failed === group.count ? 'all' : grouped(failed)} failed${last}`
    const message = `agent ${named(agent)} ${did} ${times}: ${failures}`
    this.#findings.report('retry-storm', { message, group, agents: [agent] })
  }
}

function callOf(event: AnyEvent): string | undefined {
  const host = idOf(event.host)
  if (host === undefined) return undefined
  const method = idOf(event.method)
  return `${method === undefined ? '' : `${method} `}${host}${idOf(event.path) ?? ''}`
}

/** Why the call or the tool failed, '' where that is not said; `undefined` if it did not fail. */
function errorOf(event: AnyEvent): string | undefined {
  const text = idOf(event.error)
  if (event.kind === 'tool') return hasToolFailed(event) ? (text ?? '') : undefined
  if (!hasCallFailed(event)) return undefined
  const status = httpStatus(event) ?? 0
  const code = status >= 400 ? `status ${status}` : undefined
  return code !== undefined && text !== undefined ? `${code}: ${text}` : (code ?? text ?? '')
}
