/**
 * Tells what foreign spans are as a hive's events: for spans as they begin and end, and for such that have ended, in
 * the order in which they did. Both give the same lines.
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Fields } from '../format/fields.js'
import type { LogRecorder } from '../record/log-recorder.js'
import type { Life, Owner } from '../record/owners.js'
import { addSeen, type ModelCall } from '../record/usage-once.js'
import {
  callFields,
  endMs,
  exitFields,
  identityOf,
  isContinuation,
  isInterrupted,
  isOfHive,
  namedAgent,
  saidSession,
  sessionOf,
  spawnFields,
  toldOf,
  toolCallIdOf,
  toolFields,
  toolNameOf,
  transferTarget,
  usageFields,
} from './foreign-spans.js'
import { Pauses } from './pauses.js'
import { SpanNode } from './span-node.js'
import { claudeCode, decisionOf, executionOf, isExecution } from './vocabularies/claude-code.js'
import { isLangfuse, threadOf } from './vocabularies/langfuse.js'
import { interruptsOf, isAllowed, noteOf, resumeOf, subjectOf } from './vocabularies/langgraph.js'
import { graphName, graphNodes, handOffTarget } from './vocabularies/openinference.js'
import { runInput } from './vocabularies/openllmetry.js'
import { type Reading, readContent, readRole, tellsGraphs } from './vocabularies/read.js'
import type { ContentField } from './vocabularies/vocabulary.js'

/** Of spans that name no thread: what they ask and what they are answered belongs together all the same. */
const ANY_THREAD = ''

export class SpanTeller {
  #recorder: LogRecorder
  #session: string
  #pauses = new Pauses()

  /** @param session of spans that name none */
  constructor(recorder: LogRecorder, session: string) {
    this.#recorder = recorder
    this.#session = session
  }

  /**
   * The node of a span that begins, as far as its start shows what it is.
   * @param above whose the span above it is
   */
  begin(
    span: ReadableSpan,
    above: Owner | undefined,
    parentId: string | undefined,
    running?: Life,
  ): SpanNode {
    const node = new SpanNode(span, above, parentId, running, this.#session)
    if (this.#isCovered(span)) {
      node.isTold = true
      node.isDecided = true
    } else node.reading = readRole(span)
    return node
  }

  /** Whether an adapter tells what this instrumentation does. */
  #isCovered({ instrumentationScope }: ReadableSpan): boolean {
    return this.#recorder.covered.has(instrumentationScope?.name ?? '')
  }

  /** It is known, for good, what a span is: tells what begins with it. */
  decide(node: SpanNode, span: ReadableSpan): void {
    node.isDecided = true
    const { reading } = node
    // One that was found from below is told.
    if (reading === undefined || node.isTold || node.isLife) {
      node.saidSession ??= sessionOf(span)
      return
    }
    node.saidSession ??= saidSession(span, reading)
    // A plain span of a graph's may be a node, or the run in it that is called the same: that shows below it.
    if (tellsGraphs(reading) && !(reading.role === 'group' && isLangfuse(span))) {
      this.#findGraphAgents(node, span, reading)
    }
    if (reading.role === 'agent') this.#beginAgent(node, span, reading)
    else if (reading.role === 'tool') this.#beginTool(node, span, reading)
    else if (reading.vocabulary === claudeCode && isExecution(span))
      this.#startTool(this.#toolAbove(node), node.startTs)
  }

  /** An event that somebody added to a span. */
  event(node: SpanNode, ts: number, kind: string, fields: Fields): void {
    this.#write(node, ts, kind, fields, node.life)
  }

  /** A span has ended, and it is decided what it is. */
  end(node: SpanNode, span: ReadableSpan): void {
    if (!node.isTold) this.#tellEnd(node, span)
    node.span = undefined
  }

  #tellEnd(node: SpanNode, span: ReadableSpan): void {
    if (tellsGraphs(node.reading)) this.#findGraphAgents(node, span, node.reading)
    const { reading } = node
    const told = toldOf(span)
    if (node.ownLife === undefined && told !== undefined) {
      this.#write(node, endMs(span), told.kind, told.fields, this.#lifeOf(node, span))
      return
    }
    if (reading === undefined) return
    if (isInterrupted(span)) this.#escalate(node, span)
    const tellsRun = tellsGraphs(reading) || runInput(span) !== undefined
    if (tellsRun && node.outerLife === undefined) this.#goOn(node, span, reading)
    if (node.ownLife !== undefined) this.#endAgent(node, span, reading, node.ownLife)
    else if (reading.role === 'tool') this.#endTool(node, span, reading)
    else if (reading.role === 'model') this.#endModel(node, span, reading)
    else if (reading.role === 'call') this.#endCall(node, span, reading)
    else if (reading.role === 'handOff') this.#handOff(node, span, handOffTarget(span))
    else if (reading.role === 'pause') this.#pause(node, span, reading)
    else if (reading.vocabulary === claudeCode && isExecution(span)) {
      const tool = this.#toolAbove(node)
      if (tool !== undefined) tool.execution = executionOf(span)
    }
  }

  #beginAgent(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    const { owners } = this.#recorder
    const { id, name } = identityOf(span, reading)
    const session = node.saidSession ?? node.session
    if (isContinuation(span)) {
      node.ownLife = owners.lifeOf(id ?? name, session)
      return
    }
    const outer = node.outerLife
    const tool = this.#toolAbove(node)
    const life = owners.beginLife(id ?? owners.freeId(name, session), session)
    node.ownLife = life
    this.#write(node, node.startTs, 'spawn', spawnFields(span, life.agentId, name, outer?.agentId), life)
    if (outer === undefined || tool === undefined) return
    node.caller = outer
    this.#message(node, node.startTs, outer, life.agentId, 'delegate', `task for ${name}`)
  }

  #endAgent(node: SpanNode, span: ReadableSpan, reading: Reading, life: Life): void {
    const fields = exitFields(span, reading, life.agentId)
    if (fields === undefined) return
    const { owners } = this.#recorder
    const { caller } = node
    if (caller !== undefined && owners.isLiving(caller.agentId, caller.session)) {
      const subject = `result of ${life.agentId}`
      this.#message(node, endMs(span), life, caller.agentId, 'return', subject, idOf(node, 'delegate'))
    }
    this.#write(node, endMs(span), 'exit', fields, life)
    owners.endLife(life)
  }

  /**
   * The tool by which what a span stands for was called: of the nearest agent above. One that has ended calls nothing;
   * what it was may be forgotten by then, besides.
   */
  #toolAbove(node: SpanNode): SpanNode | undefined {
    for (let above = node.above; above !== undefined && !above.isLife; above = above.above) {
      if (above.isTool && above.span !== undefined) return above
    }
    return undefined
  }

  #beginTool(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    // A hive tells of the start itself.
    if (isOfHive(span) || toldOf(span) !== undefined) return
    const name = toolNameOf(span, reading)
    node.toolName = name
    // A second instrumentation sees the same run from within: a protocol's client, say.
    if (this.#toolAbove(node)?.toolName === name) {
      node.isTold = true
      return
    }
    // Whether it is allowed to run shows later.
    if (reading.vocabulary !== claudeCode) this.#startTool(node, node.startTs)
  }

  #startTool(node: SpanNode | undefined, ts: number): void {
    const { span, reading } = node ?? {}
    if (node === undefined || span === undefined || reading === undefined) return
    const life = this.#workLife(node, span)
    const fields = { agentId: life.agentId, name: node.toolName, toolCallId: toolCallIdOf(span, reading) }
    this.#write(node, ts, 'tool.start', fields, life)
  }

  #endTool(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    // One that waits for a person has not ended: with the answer it is run anew.
    if (isInterrupted(span)) return
    const { execution } = node
    if (execution === undefined && reading.vocabulary === claudeCode) return
    const life = this.#workLife(node, span)
    const fields = toolFields(span, reading, life.agentId)
    if (execution?.ok === false) Object.assign(fields, execution)
    this.#keep(node, span, reading, life, ['arguments', 'result'], fields.name)
    this.#write(node, endMs(span), 'tool', fields, life)
    this.#handOff(node, span, transferTarget(span, fields.name as string))
  }

  #endModel(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    const known = this.#lifeOf(node, span)
    const fields = usageFields(span, reading, known?.agentId ?? '')
    const call: ModelCall = {
      source: span.instrumentationScope?.name ?? '',
      startTs: node.startTs,
      endTs: endMs(span),
      agentId: known?.agentId ?? '',
      session: known?.session ?? node.session,
      isImplicit: known === undefined || known.isImplicit,
      responseId: fields.responseId as string | undefined,
      model: fields.model as string | undefined,
      inputTokens: fields.inputTokens as number | undefined,
      outputTokens: fields.outputTokens as number | undefined,
      isFailed: fields.error !== undefined,
      // Another may know whose it is.
      mayWait: known === undefined || known.isImplicit === true,
      known: fields,
      traceId: node.traceId,
      spanId: node.context.spanId,
      parentSpanId: node.parentId,
    }
    this.#recorder.usageOnce.tell(call, (seen) => {
      const life = this.#workLife(node, span)
      addSeen(fields, seen)
      fields.agentId = life.agentId
      this.#keep(node, span, reading, life, ['prompt', 'answer'], fields.model ?? 'a model')
      this.#write(node, endMs(span), 'usage', fields, life)
    })
  }

  #endCall(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    const { host, method, path } = callFields(span, reading, '')
    const call = {
      source: span.instrumentationScope?.name ?? '',
      host: host as string,
      method: method as string | undefined,
      path: path as string | undefined,
      startTs: node.startTs,
      endTs: endMs(span),
    }
    if (!this.#recorder.callOnce.isNew(call)) return
    const life = this.#workLife(node, span)
    this.#write(node, endMs(span), 'call', callFields(span, reading, life.agentId), life)
  }

  #handOff(node: SpanNode, span: ReadableSpan, to: string | undefined): void {
    if (to === undefined) return
    this.#message(node, endMs(span), this.#workLife(node, span), to, 'transfer', `hands over to ${to}`)
  }

  #message(
    node: SpanNode,
    ts: number,
    from: Life,
    to: string,
    act: 'transfer' | 'delegate' | 'return',
    subject: string,
    inReplyTo?: string,
  ): void {
    const fields = { from: from.agentId, to, act, subject, id: idOf(node, act), inReplyTo }
    this.#write(node, ts, 'message', fields, from)
  }

  /** A run waits for a person: told once, by the innermost span of those that the interrupt passes through. */
  #escalate(node: SpanNode, span: ReadableSpan): void {
    const run = node.context.traceId
    const life = this.#workLife(node, span)
    const where = `${span.name} waits for an answer`
    const asked = interruptsOf(span).map(({ id, value }) => ({
      id,
      key: id,
      subject: subjectOf(value, span.name),
    }))
    // Where it does not say what it is, there is one in a run.
    if (asked.length === 0) asked.push({ id: idOf(node, 'pause'), key: run, subject: where })
    for (const { id, key, subject } of asked) {
      if (!this.#pauses.ask(key, run)) continue
      this.#write(node, endMs(span), 'escalate', { from: life.agentId, to: 'human', subject, id }, life)
    }
  }

  /** The run of a thread has ended, that began with a person's answer or ended by a question. */
  #goOn(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    const flat = runInput(span)
    const thread =
      saidSession(span, reading) ?? threadOf(span) ?? (flat === undefined ? undefined : ANY_THREAD)
    // It may have begun before the adapter that tells the same.
    if (thread === undefined || this.#isCovered(span)) return
    const resume = resumeOf(flat ?? readContent(span, reading, 'prompt'))
    for (const { id, answer } of resume === undefined ? [] : this.#pauses.answer(thread, resume)) {
      const fields = { id, approve: isAllowed(answer), via: 'code', note: noteOf(answer) }
      this.#write(node, node.startTs, 'approval', fields, this.#lifeOf(node, span))
    }
    this.#pauses.ended(node.context.traceId, thread)
  }

  /** A tool waited for a person, and went on. */
  #pause(node: SpanNode, span: ReadableSpan, reading: Reading): void {
    const approve = decisionOf(span)
    if (approve === undefined) return
    const life = this.#workLife(node, span)
    const id = toolCallIdOf(span, reading) ?? idOf(node, 'pause')
    const subject = `run ${this.#toolAbove(node)?.toolName ?? 'a tool'}?`
    this.#write(node, node.startTs, 'escalate', { from: life.agentId, to: 'human', subject, id }, life)
    this.#write(node, endMs(span), 'approval', { id, approve, via: 'cli' }, life)
  }

  /**
   * A span of LangGraph's says at its end in which nodes it lay: what is above a node is the run of its graph, which is
   * an agent.
   */
  #findGraphAgents(node: SpanNode, span: ReadableSpan, { vocabulary }: Reading): void {
    if (!canLieInGraph(node)) return
    const names = graphNodes(span)
    const found: Array<{ graph: SpanNode; name: string }> = []
    let from: SpanNode | undefined = node
    for (let level = names.length - 1; level >= 0; level--) {
      // The node of a graph's is called the same as the graph in it often is.
      const inner: SpanNode | undefined = spanNamed(from, names[level] as string)
      const graph: SpanNode | undefined = inner?.above
      if (graph?.span === undefined) break
      if (graph.canBecomeAgent) found.unshift({ graph, name: graphName(graph.span, names[level - 1]) })
      from = graph.above
    }
    for (const { graph, name } of found) {
      graph.reading = { role: 'agent', vocabulary, name }
      graph.isDecided = true
      this.#beginAgent(graph, graph.span as ReadableSpan, graph.reading)
    }
  }

  /** Whose work a span is, if anybody says so: what is above it, or the span itself. */
  #lifeOf(node: SpanNode, span: ReadableSpan): Life | undefined {
    const life = node.life
    if (life !== undefined && !isOfHive(span)) return life
    const id = namedAgent(span)
    if (id === undefined || id === life?.agentId) return life
    return this.#recorder.owners.lifeOf(id, sessionOf(span) ?? node.session)
  }

  /** The same; work in no agent's life is that of the agent which the process is. */
  #workLife(node: SpanNode, span: ReadableSpan): Life {
    return this.#lifeOf(node, span) ?? this.#recorder.implicit.of(node.session, serviceOf(span), node.startTs)
  }

  /** Keeps what was said as artifacts, where the user asked for it. */
  #keep(
    node: SpanNode,
    span: ReadableSpan,
    reading: Reading,
    life: Life,
    contents: readonly ContentField[],
    of: unknown,
  ): void {
    const { captures, journal, scrubber } = this.#recorder
    if (!captures) return
    for (const field of contents) {
      const content = readContent(span, reading, field)
      if (content === undefined) continue
      const { ref, bytes } = journal.artifacts.put(scrubber.content(content))
      const fields = { agentId: life.agentId, label: `${field} of ${of}`, ref, bytes }
      this.#write(node, endMs(span), 'snapshot', fields, life)
    }
  }

  #write(node: SpanNode, ts: number, kind: string, fields: Fields, life: Life | undefined): void {
    const session = life?.session ?? node.session
    this.#recorder.write(ts, kind, fields, { context: node.context, session, life })
  }
}

/** Whether there is a span above that may turn out to be a graph's run; what is an agent's own run is no node. */
function canLieInGraph(node: SpanNode): boolean {
  if (node.isLife) return false
  for (let above = node.above; above !== undefined; above = above.above) if (above.canBecomeAgent) return true
  return false
}

/** The span itself or the nearest above it that is called so and is no agent's. */
function spanNamed(node: SpanNode | undefined, name: string): SpanNode | undefined {
  for (let each = node; each !== undefined; each = each.above) {
    if (!each.isLife && each.span?.name === name) return each
  }
  return undefined
}

/** Ids of what a span stands for, the same whoever tells it. */
const idOf = ({ context }: SpanNode, what: string): string => `${context.spanId}.${what}`

function serviceOf({ resource }: ReadableSpan): string | undefined {
  const name = resource?.attributes?.['service.name']
  return typeof name === 'string' && !name.startsWith('unknown_service') ? name : undefined
}
