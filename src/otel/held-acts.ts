/**
 * Keeps what happens in the order in which it happened while it is not known whose it is: what a span is may show only
 * after its start, and so whether what it and those under it did is an agent's. It is known soon or at the span's end,
 * and lines must be in the file within 50 ms; so nothing waits for longer than 40 ms.
 */
import { diag } from '@opentelemetry/api'
import { onExit } from '../format/on-exit.js'
import { brief } from '../format/quote.js'
import type { SpanNode } from './span-node.js'

/** Milliseconds. */
export const HOLD_MS = 40
/** Acts that wait at once. */
const MAX_HELD = 10_000

interface Held {
  readonly node: SpanNode
  readonly act: () => void
}

export class HeldActs {
  #decide: (node: SpanNode) => void
  #held: Held[] = []
  #isRunning = false
  /** Nodes for whose beginning there is a place among the acts that wait. */
  #placed = new Set<SpanNode>()
  #timer: NodeJS.Timeout | undefined
  #removeExit: (() => void) | undefined

  /** @param decide tells what begins with a node that is decided */
  constructor(decide: (node: SpanNode) => void) {
    this.#decide = decide
  }

  /** It does not show yet what the node's span is: what happens there and below waits for it from now on. */
  waitFor(node: SpanNode): void {
    node.waitsSince = performance.now()
  }

  /** It is decided what a node is: what begins with it is told before all that happened there and below. */
  decided(node: SpanNode): void {
    node.isDecided = true
    if (this.isClear(node)) run(this.#decide, node)
    else if (!this.#placed.has(node)) this.do(node, () => this.#decide(node))
    this.settle()
  }

  /** Whether there is a place among what waits for the beginning of a node. */
  isPlaced(node: SpanNode): boolean {
    return this.#placed.has(node)
  }

  /** Whether what happens at a node need not wait. */
  isClear(node: SpanNode | undefined): boolean {
    return this.#held.length === 0 && this.#openFrom(node) === undefined
  }

  /** Does something as soon as it is known whose it is, and after all that happened before it. */
  do(node: SpanNode, act: () => void): void {
    const open = this.#openFrom(node)
    if (open === undefined && this.#held.length === 0) {
      run(act)
      return
    }
    if (open !== undefined) this.#place(open)
    this.#held.push({ node, act })
    if (this.#held.length > MAX_HELD) run((this.#held.shift() as Held).act)
    this.#timer ??= setTimeout(this.#due, leftOf(open)).unref()
    this.#removeExit ??= onExit(this.flush)
  }

  /** More is known. */
  readonly settle = (): void => {
    if (this.#held.length > 0 && !this.#isRunning) this.#release(false)
  }

  /** Does all that waits, as far as it is known whose it is. */
  readonly flush = (): void => {
    if (this.#held.length > 0) this.#release(true)
  }

  readonly #due = (): void => {
    this.#timer = undefined
    this.#release(false)
    if (this.#held.length > 0) this.#timer = setTimeout(this.#due, 5).unref()
  }

  #release(isAll: boolean): void {
    const held = this.#held
    let done = 0
    this.#isRunning = true
    try {
      for (; done < held.length; done++) {
        const { node, act } = held[done] as Held
        if (!isAll && this.#openFrom(node) !== undefined) break
        run(act)
      }
    } finally {
      this.#isRunning = false
      this.#held = held.slice(done)
    }
    if (this.#held.length > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#removeExit?.()
    this.#removeExit = undefined
  }

  /** Keeps places for the beginnings of nodes that are not decided, the outer first. */
  #place(open: SpanNode): void {
    const nodes: SpanNode[] = []
    for (
      let each: SpanNode | undefined = open;
      each !== undefined;
      each = each.above && this.#openFrom(each.above)
    ) {
      if (!this.#placed.has(each)) nodes.push(each)
    }
    for (const node of nodes.reverse()) {
      this.#placed.add(node)
      const act = (): void => {
        this.#placed.delete(node)
        if (node.isDecided) this.#decide(node)
      }
      this.#held.push({ node, act })
    }
  }

  /** The nearest node, up to an agent's, of which it may show soon that it is an agent's. */
  #openFrom(node: SpanNode | undefined): SpanNode | undefined {
    let now: number | undefined
    for (let each = node; each !== undefined; each = each.above) {
      if (each.isLife) return undefined
      if (each.isDecided) continue
      const { waitsSince } = each
      if (waitsSince === undefined) continue
      now ??= performance.now()
      if (now - waitsSince < HOLD_MS) return each
    }
    return undefined
  }
}

/** For how long a node may still be waited for, in whole milliseconds. */
function leftOf(open: SpanNode | undefined): number {
  const { waitsSince = performance.now() } = open ?? {}
  return Math.max(1, Math.ceil(waitsSince + HOLD_MS - performance.now()))
}

function run<Given extends unknown[]>(act: (...given: Given) => void, ...given: Given): void {
  try {
    act(...given)
  } catch (error) {
    diag.error(`hivelog: what a span stands for could not be recorded: ${brief(error)}`)
  }
}
