import { type Context, diag, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { checkOptions, OptionsError } from '../format/options.js'
import { brief } from '../format/quote.js'
import type { LogRecorder } from '../record/log-recorder.js'
import { isNamed, sessionOf, toldOf } from './foreign-spans.js'
import { type AddEvent, hear } from './heard-spans.js'
import { HeldActs } from './held-acts.js'
import type { JsonlSpanExporter } from './jsonl-span-exporter.js'
import { PROCESSOR_RULES } from './options.js'
import { type PlainEvent, PlainEvents } from './plain-events.js'
import { EVENT_PREFIX, toFields } from './span-mapping.js'
import { SpanNode } from './span-node.js'
import { SpanTeller } from './span-teller.js'
import { isPlain, readRole } from './vocabularies/read.js'
import type { Role } from './vocabularies/vocabulary.js'

/** What has a name in its lines from the start. */
const NAMED: ReadonlySet<Role> = new Set(['agent', 'tool', 'handOff'])

/** What `HiveSpanProcessor` takes. */
export interface HiveSpanProcessorOptions {
  /** Where the lines go. */
  exporter: JsonlSpanExporter
}

/**
 * Records a hive's events the moment they happen, while the spans that carry them are still open, and whatever
 * limit the SDK puts on a span. Works in any tracer provider of SDK 2.x or 3.x, beside the processors that are
 * there. It sees the spans that the sampler lets be recorded.
 */
export class HiveSpanProcessor implements SpanProcessor {
  #exporter: JsonlSpanExporter
  #recorder: LogRecorder
  #teller: SpanTeller
  #held = new HeldActs((node) => {
    // One without a span has ended meanwhile, and was nothing.
    if (node.span !== undefined) this.#teller.decide(node, node.span)
  })
  #desk: Desk

  /** @throws {OptionsError} when there is no exporter in the options, or an option that is none */
  constructor(options: HiveSpanProcessorOptions) {
    checkOptions('HiveSpanProcessor', options, PROCESSOR_RULES)
    if (options?.exporter === undefined) {
      throw new OptionsError('HiveSpanProcessor: exporter: it is missing; give a JsonlSpanExporter')
    }
    this.#exporter = options.exporter
    this.#recorder = options.exporter.recorder
    this.#teller = new SpanTeller(this.#recorder, this.#exporter.session)
    this.#desk = { held: this.#held, teller: this.#teller, unnamed: [] }
  }

  /** Records the spawn of an agent, and listens to the events that are added to the span. Throws nothing. */
  onStart(span: Span, parentContext: Context): void {
    try {
      this.#start(span, parentContext)
    } catch (error) {
      diag.error(`hivelog: the start of span ${span.name} could not be recorded: ${brief(error)}`)
    }
  }

  /** Records what the end of the span stands for: a tool, a call, a model call, an exit. Throws nothing. */
  onEnd(span: ReadableSpan): void {
    const { owners } = this.#recorder
    const context = span.spanContext()
    const owner = owners.take(context)
    if (owner === undefined) return
    const isNothing = owner instanceof SpanNode && this.#isNothing(span, owner)
    const remains = isNothing ? owner.remains() : owner
    if (remains !== undefined) owners.remember(context, remains)
    if (isNothing || !(owner instanceof SpanNode)) return
    try {
      this.#end(span, owner)
    } catch (error) {
      diag.error(`hivelog: the end of span ${span.name} could not be recorded: ${brief(error)}`)
    }
  }

  /** Resolves when everything recorded so far is in the file. */
  forceFlush(): Promise<void> {
    this.#held.flush()
    return this.#exporter.forceFlush()
  }

  /** Writes the rest, seals and closes the file, unless another in this process still writes to it. */
  shutdown(): Promise<void> {
    this.#held.flush()
    return this.#exporter.shutdown()
  }

  #start(span: Span, parentContext: Context): void {
    const { owners } = this.#recorder
    const spanContext = span.spanContext()
    // Another processor on the same file records it already, or a hive does.
    if (owners.isMarked(parentContext) || owners.isLive(spanContext)) return
    const parent = trace.getSpanContext(parentContext)
    const parentId = parent === undefined || parent.isRemote === true ? undefined : parent.spanId
    const node = this.#teller.begin(span, owners.of(parent), parentId, this.#recorder.running())
    owners.claim(spanContext, node)
    const { reading } = node
    if (node.isDecided || (reading === undefined ? isPlain(span) : isNamed(span, reading))) {
      hear(span, new HeardSpan(node, span, this.#desk))
      this.#held.decided(node)
      return
    }
    // It does not show yet what the span is, or what it is called.
    this.#held.waitFor(node)
    const heard = new HeardSpan(node, span, this.#desk)
    if (reading !== undefined) heard.awaitTurn()
    hear(span, heard, true)
  }

  /** Whether a span that has ended is of no interest, as most are. */
  #isNothing(span: ReadableSpan, node: SpanNode): boolean {
    const isUnheard = !node.isDecided && !Object.isExtensible(span)
    if (isUnheard || node.reading !== undefined || toldOf(span) !== undefined) return false
    // It writes nothing, so it need not wait for its turn, unless what is below it waits for it.
    if (this.#held.isPlaced(node)) return false
    node.isDecided = true
    node.saidSession ??= sessionOf(span)
    node.span = undefined
    return true
  }

  #end(span: ReadableSpan, node: SpanNode): void {
    // A span that nothing can be added to was not heard.
    if (!node.isDecided && !Object.isExtensible(span)) node.reading = readRole(span)
    if (!node.isDecided) this.#held.decided(node)
    this.#held.do(node, () => this.#teller.end(node, span))
    this.#held.settle()
  }
}

/** What the spans of a processor share. */
interface Desk {
  readonly held: HeldActs
  readonly teller: SpanTeller
  /** Agents and tools that may say more of themselves until the end of the turn. */
  readonly unnamed: HeardSpan[]
}

/** What is done to a span while it is open: events, and what may say what the span is, as long as that is not known. */
class HeardSpan extends PlainEvents {
  #node: SpanNode
  #span: Span
  #desk: Desk
  #isAwaiting = false

  constructor(node: SpanNode, span: Span, desk: Desk) {
    super()
    this.#node = node
    this.#span = span
    this.#desk = desk
  }

  take({ kind, attributes, at, isTimed, isReadable }: PlainEvent, addEvent: AddEvent): boolean {
    if (!this.#span.isRecording()) return false
    const { held, teller } = this.#desk
    const node = this.#node
    const fields = toFields(kind, attributes)
    held.do(node, () => teller.event(node, at, kind, fields))
    // It goes on the span as it was given. The SDK's own clock drifts, so one without a time gets that of its line.
    if (isTimed || !isReadable || attributes === undefined) return false
    addEvent(EVENT_PREFIX + kind, attributes, at)
    return true
  }

  changed(): void {
    const node = this.#node
    if (node.isDecided) return
    node.reading = readRole(this.#span)
    if (node.reading === undefined) return
    // More of an agent and of a tool is said by attributes that come after this one.
    if (NAMED.has(node.reading.role)) this.awaitTurn()
    else this.decide()
  }

  awaitTurn(): void {
    if (this.#isAwaiting) return
    this.#isAwaiting = true
    const { unnamed } = this.#desk
    unnamed.push(this)
    if (unnamed.length > 1) return
    setImmediate(() => {
      for (const each of unnamed.splice(0)) each.decide()
    })
  }

  decide(): void {
    if (this.#node.isDecided) return
    try {
      this.#desk.held.decided(this.#node)
    } catch (error) {
      diag.error(`hivelog: an agent or a tool could not be recorded: ${brief(error)}`)
    }
  }
}
