/** A hive that is open in the server: read once, followed from then on, read anew when its files are others. */
import { setTimeout as pause } from 'node:timers/promises'
import { pricer } from '../../analyse/cost/call-cost.js'
import type { HiveState } from '../../model/state.js'
import { followHive } from '../../read/follow-hive.js'
import { isMalformed, type LogItem } from '../../read/items.js'
import { isGzipDamage } from '../../read/sources.js'
import { clean } from '../../text/clean.js'
import type { OpenGlance } from './catalogue.js'
import { Content } from './content.js'
import { earlyFloor } from './early-floor.js'
import { notReadable } from './readable.js'
import type { Floor } from './shapes.js'

/** Who watches a hive. */
export interface Watcher {
  /** There are more rows; called once for many of them. */
  onRows(): void
  /** The hive was read anew: rows are others, and so may positions be. */
  onAnew(): void
}

/** Milliseconds until a hive that could not be read is tried again. */
const AGAIN_MS = 2_000

export class HiveView {
  readonly file: string
  /** When somebody asked last, by `performance.now()`. */
  usedAt = performance.now()
  readonly #watchers = new Set<Watcher>()
  readonly #end = new AbortController()
  #content: Content
  #isReady = false
  #ready: Promise<void>
  #becameReady: () => void = () => {}
  #error: string | undefined
  #isTelling = false
  readonly #running: Promise<void>

  /** @param file path of the log, which is read with those of its child processes */
  constructor(file: string) {
    this.file = file
    this.#content = new Content(file, pricer())
    this.#ready = this.#untilReady()
    this.#running = this.#run()
  }

  /** Why it cannot be read now, in one line. */
  get error(): string | undefined {
    return this.#error
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  /** What has been read so far. */
  get sofar(): Content {
    return this.#content
  }

  /** When all that is there was read. @throws {HttpError} when it cannot be */
  async content(): Promise<Content> {
    this.usedAt = performance.now()
    if (!this.#isReady) await this.#ready
    if (this.#error !== undefined && this.#content.rows.count === 0) throw notReadable(this.#error)
    return this.#content
  }

  /**
   * @param position of the last event that counts. Default: all that are there
   * @param isBrief without what each agent did last
   */
  async floor(position?: number, isBrief = false): Promise<Floor> {
    this.usedAt = performance.now()
    if (position === undefined && !this.#isReady) {
      const early = await Promise.race([this.#ready, earlyFloor(this.file)])
      if (early !== undefined) return early
    }
    const content = await this.content()
    const count = countAt(content, position)
    const known = isBrief ? content.briefFloor(count) : undefined
    return known ?? content.at(count, (tracker) => tracker.floor(isBrief))
  }

  /** As `hivelog state` has it. @param position as for `floor` */
  async state(position?: number): Promise<{ state: HiveState; position: number }> {
    const content = await this.content()
    const count = countAt(content, position)
    return content.at(count, (tracker) => {
      const state = tracker.model.view()
      const broken = content.brokenUpTo(count)
      return {
        state: { ...state, ...(broken.length > 0 && { broken }) },
        position: count === 0 ? 0 : content.rows.positions.of(Math.min(count, content.rows.count) - 1),
      }
    })
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => {
      this.usedAt = performance.now()
      this.#watchers.delete(watcher)
    }
  }

  glance(): OpenGlance {
    const { now, rows } = this.#content
    const { model } = now
    const { firstTs, lastTs } = rows
    return {
      ...(this.#isReady && { pending: model.escalations.size, agents: model.agents.size }),
      ...(this.#isReady && firstTs !== undefined && lastTs !== undefined && { firstTs, lastTs }),
      ...(this.#error !== undefined && { error: this.#error }),
    }
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#becameReady()
    await this.#running
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve) => {
      this.#becameReady = resolve
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#end
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      try {
        if (!isFirst) this.#anew()
        await this.#follow(signal)
        return
      } catch (error) {
        if (signal.aborted) return
        this.#error = clean((error as Error).message)
        this.#becameReady()
      }
      await pause(AGAIN_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const onCaughtUp = (): void => this.#caughtUp()
    for await (const item of followHive(this.file, { signal, onCaughtUp })) {
      const content = this.#content
      if (isMalformed(item)) {
        if (isOtherFile(item)) this.#anew()
        else content.malformed(item)
        continue
      }
      if (content.isOfAnother(item)) await content.becomeSeveral()
      content.add(item)
      this.#tell()
    }
  }

  #caughtUp(): void {
    this.#error = undefined
    if (this.#isReady) return
    this.#isReady = true
    this.#becameReady()
  }

  /** The files are others than those that were read. */
  #anew(): void {
    this.#content = new Content(this.file, pricer())
    if (this.#isReady) this.#ready = this.#untilReady()
    this.#isReady = false
    for (const watcher of this.#watchers) watcher.onAnew()
  }

  /** Once for all rows of a turn of the event loop. */
  #tell(): void {
    if (this.#isTelling || this.#watchers.size === 0) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      for (const watcher of this.#watchers) watcher.onRows()
    })
  }
}

/** How many rows a position has up to it. */
function countAt({ rows }: Content, position: number | undefined): number {
  return position === undefined ? rows.count : rows.positions.rowUpTo(position) + 1
}

/** A notice that the live file was cut short, or is another one: it will be read from its start. */
function isOtherFile(item: LogItem): boolean {
  if (!isMalformed(item) || item.broken === true) return false
  return item.bytes === 0 && item.line === undefined && !isGzipDamage(item.reason)
}
