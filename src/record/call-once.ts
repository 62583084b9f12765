/**
 * Each query of an external API is one `call` line, whether an HTTP client's span tells of it, the client's own
 * diagnostics channel, or both: they tell the same method, host and path at the same time.
 */
import { BoundedMap } from '../format/bounded-map.js'
import { Happening, Recent, type Told } from './told-once.js'

/** One query, as one source tells it. */
export interface ApiCall extends Told {
  /** Host, with the port where it is not the usual one. */
  host: string
  /** HTTP method; in any case. */
  method?: string | undefined
  /** Path of the URL, without query; `undefined` when it is not known. */
  path?: string | undefined
}

/** Hosts of which calls are remembered at least. */
const MAX_HOSTS = 500
/** Calls of one host that are looked through for one at the same time. */
const MAX_RECENT = 250

export class CallOnce {
  #recent = new BoundedMap<Recent<ApiCall>>(MAX_HOSTS)
  readonly #before: () => void

  /** @param before has told what was seen before and is told at the end of the turn. Default: nothing is */
  constructor(before = (): void => {}) {
    this.#before = before
  }

  /** Whether nobody told this call before; it counts as told from now on. */
  isNew(call: ApiCall): boolean {
    this.#before()
    const host = plainHost(call.host)
    const recent = this.#recent.get(host) ?? new Recent(MAX_RECENT)
    const known = recent.nearest(call, (other) => isAlike(other, call))
    if (known !== undefined) {
      known.tellBy(call.source)
      return false
    }
    recent.add(new Happening(call))
    this.#recent.set(host, recent)
    return true
  }
}

/** Sources differ in whether they name a port that is the usual one. */
const plainHost = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '')

const isAlike = (one: ApiCall, other: ApiCall): boolean =>
  agree(one.method?.toUpperCase(), other.method?.toUpperCase()) && agree(one.path, other.path)

const agree = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || one === other
