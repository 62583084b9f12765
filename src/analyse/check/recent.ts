/** A map that forgets what was not used for long, so that a log with ever new keys does not fill the memory. */

/**
 * Holds the most recently used keys, `max` at most. There are two generations: a key that is used moves to the
 * young one, and when that is full the old one is forgotten as a whole. So a key costs one look-up, and no
 * reordering.
 */
export class Recent<V, K extends string | number = string> {
  readonly #half: number
  readonly #onForget: (value: V, key: K) => void
  /** Keys that were forgotten so far. */
  forgotten = 0
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  /** @param onForget is told of each value that is forgotten */
  constructor(max: number, onForget: (value: V, key: K) => void = () => {}) {
    this.#half = Math.max(1, Math.floor(max / 2))
    this.#onForget = onForget
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.#add(key, old)
    }
    return old
  }

  set(key: K, value: V): void {
    this.#old.delete(key)
    this.#add(key, value)
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  *values(): Generator<V> {
    yield* this.#old.values()
    yield* this.#young.values()
  }

  #add(key: K, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.forgotten += this.#old.size
      for (const [forgotten, held] of this.#old) this.#onForget(held, forgotten)
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}

/** One generation of `RecentWork`. */
class Works<V> {
  readonly all = new Set<V>()
  readonly #ofAgents = new Map<string, { calls: Map<string, V>; tools: Map<string, V> }>()

  get(agent: string, isCall: boolean, name: string): V | undefined {
    const of = this.#ofAgents.get(agent)
    return isCall ? of?.calls.get(name) : of?.tools.get(name)
  }

  add(agent: string, isCall: boolean, name: string, value: V): void {
    let of = this.#ofAgents.get(agent)
    if (of === undefined) {
      of = { calls: new Map(), tools: new Map() }
      this.#ofAgents.set(agent, of)
    }
    if (isCall) of.calls.set(name, value)
    else of.tools.set(name, value)
    this.all.add(value)
  }

  delete(agent: string, isCall: boolean, name: string, value: V): void {
    const of = this.#ofAgents.get(agent)
    if (isCall) of?.calls.delete(name)
    else of?.tools.delete(name)
    this.all.delete(value)
  }
}

/** As `Recent`, of what agents do: looked up by the parts of the key, as to join them takes longer than all else. */
export class RecentWork<V> {
  readonly #half: number
  readonly #onForget: (value: V) => void
  forgotten = 0
  #young = new Works<V>()
  #old = new Works<V>()

  constructor(max: number, onForget: (value: V) => void) {
    this.#half = Math.max(1, Math.floor(max / 2))
    this.#onForget = onForget
  }

  get(agent: string, isCall: boolean, name: string): V | undefined {
    const young = this.#young.get(agent, isCall, name)
    if (young !== undefined) return young
    const old = this.#old.get(agent, isCall, name)
    if (old !== undefined) {
      this.#old.delete(agent, isCall, name, old)
      this.add(agent, isCall, name, old)
    }
    return old
  }

  /** Of a key that is not there. */
  add(agent: string, isCall: boolean, name: string, value: V): void {
    if (this.#young.all.size >= this.#half) {
      this.forgotten += this.#old.all.size
      for (const held of this.#old.all) this.#onForget(held)
      this.#old = this.#young
      this.#young = new Works()
    }
    this.#young.add(agent, isCall, name, value)
  }

  *values(): Generator<V> {
    yield* this.#old.all
    yield* this.#young.all
  }
}
