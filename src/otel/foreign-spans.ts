/** What a span says of an event, in the fields of its line. */
import { isIPv6 } from 'node:net'
import { type Attributes, type AttributeValue, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { type Fields, MAX_ID_LENGTH } from '../format/fields.js'
import type { ExitStatus } from '../format/kinds.js'
import { recordOf, type SpanEvent } from '../record/owners.js'
import { ATTR, hrToMillis } from './span-mapping.js'
import { failureSaid } from './vocabularies/langfuse.js'
import { mastra } from './vocabularies/mastra.js'
import { commandTarget } from './vocabularies/openinference.js'
import { type Reading, readContent, readText, readUsage } from './vocabularies/read.js'
import { numberOf, type SpanView, textOf } from './vocabularies/vocabulary.js'

/** Ids and names are repeated in every line, so they are cut rather than stored aside. */
const short = (value: string | undefined): string | undefined => value?.slice(0, MAX_ID_LENGTH)

/** What a span's end stands for, if a hive told it. */
export const toldOf = (span: SpanView): SpanEvent | undefined => recordOf(span.spanContext())?.event

/** Whether a hive made the span, whose ids are those of its agents. */
export const isOfHive = ({ instrumentationScope }: SpanView): boolean =>
  instrumentationScope?.name === 'hivelog'

/** The session that a span names. */
export const sessionOf = ({ attributes }: SpanView): string | undefined =>
  short(textOf(attributes[ATTR.conversation]) ?? textOf(attributes[ATTR.session]))

/** The session in the words of its vocabulary. */
export const saidSession = (span: SpanView, reading: Reading): string | undefined =>
  short(readText(span, reading, 'session'))

/** The id of the agent that a span names. */
export const namedAgent = ({ attributes }: SpanView): string | undefined =>
  short(textOf(attributes[ATTR.agentId]) ?? textOf(attributes[ATTR.callerId]))

/** Who an agent is. */
export interface Identity {
  /** Its id, where there is one that stays the same from run to run. */
  id: string | undefined
  /** How it is called. */
  name: string
}

export function identityOf(span: SpanView, reading: Reading): Identity {
  const name = short(readText(span, reading, 'agentName'))
  // Mastra's id is that of what the agent is made from: those that run at once share it.
  const id = short(readText(span, reading, 'agentId'))
  const isShared = reading.vocabulary === mastra
  const called = isModel(span, name) ? undefined : name
  return {
    id: isShared ? undefined : id,
    name: (isShared ? (reading.name ?? id) : called) ?? called ?? id ?? 'agent',
  }
}

/** `invoke_agent gpt-5` is the span of an agent without a name. */
const isModel = ({ attributes }: SpanView, name: string | undefined): boolean =>
  name !== undefined && attributes[ATTR.agentName] !== name && attributes[ATTR.requestModel] === name

/** Whether what is known of an agent or a tool says who it is: more may be said right after the start of its span. */
export function isNamed(span: SpanView, reading: Reading): boolean {
  const { role, name, vocabulary } = reading
  const { attributes } = span
  if (role === 'agent') {
    return (
      attributes[ATTR.agentId] !== undefined ||
      attributes[ATTR.agentName] !== undefined ||
      (vocabulary === mastra && name !== undefined) ||
      vocabulary.texts?.agentName?.some((each) => attributes[each] !== undefined) === true
    )
  }
  if (role !== 'tool' && role !== 'handOff') return true
  return (
    (vocabulary === mastra && name !== undefined) ||
    [ATTR.toolName, ...(vocabulary.texts?.toolName ?? [])].some((each) => attributes[each] !== undefined)
  )
}

/** Whether a span is the second or a later part of an agent's life. */
export const isContinuation = ({ attributes }: SpanView): boolean =>
  (numberOf(attributes[ATTR.part]) ?? 1) > 1

export function spawnFields(
  span: SpanView,
  agentId: string,
  name: string,
  parent: string | undefined,
): Fields {
  const { attributes } = span
  return {
    agentId,
    name,
    isGod: attributes[ATTR.isGod] === true,
    parent: short(textOf(attributes[ATTR.parentId])) ?? parent,
    role: attributes[ATTR.role],
    model: attributes[ATTR.requestModel],
    pid: numberOf(attributes[ATTR.pid]),
  }
}

/** `undefined` when the agent goes on in another span. */
export function exitFields(span: SpanView, reading: Reading, agentId: string): Fields | undefined {
  const { attributes } = span
  if (attributes[ATTR.continued] === true) return undefined
  const told = toldOf(span)
  if (told !== undefined) return told.fields
  const error = errorOf(span, reading)
  const said = textOf(attributes[ATTR.exitStatus]) as ExitStatus | undefined
  const status = said ?? (hasFailed(span) ? 'error' : 'ok')
  return { agentId, status, error: hasFailed(span) ? error : undefined }
}

export function toolFields(span: ReadableSpan, reading: Reading, agentId: string): Fields {
  const failed = hasFailed(span)
  return {
    agentId,
    name: toolNameOf(span, reading),
    ok: !failed,
    ms: durationMs(span),
    error: failed ? errorOf(span, reading) : undefined,
    toolCallId: toolCallIdOf(span, reading),
    argsBytes: bytesOf(readContent(span, reading, 'arguments')),
    resultBytes: bytesOf(readContent(span, reading, 'result')),
  }
}

export const toolNameOf = (span: SpanView, reading: Reading): string =>
  short(readText(span, reading, 'toolName')) ?? 'unknown'
export const toolCallIdOf = (span: SpanView, reading: Reading): string | undefined =>
  short(readText(span, reading, 'toolCallId'))

export function usageFields(span: ReadableSpan, reading: Reading, agentId: string): Fields {
  const { attributes } = span
  const failed = hasFailed(span)
  const usage = readUsage(span, reading)
  // The answer of an embedding has no tokens.
  const hasNoOutput =
    usage.inputTokens !== undefined &&
    !failed &&
    /embed/i.test(`${attributes[reading.vocabulary.kind] ?? span.name}`)
  return {
    agentId,
    model: readText(span, reading, 'model'),
    provider: readText(span, reading, 'provider'),
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens ?? (hasNoOutput ? 0 : undefined),
    cacheReadTokens: usage.cacheReadTokens,
    cacheWriteTokens: usage.cacheWriteTokens,
    costUsd: usage.costUsd,
    task: attributes['hive.task'],
    decision: attributes['hive.decision'],
    ms: durationMs(span),
    ttftMs: usage.ttftMs,
    responseId: readText(span, reading, 'responseId'),
    error: failed ? (errorOf(span, reading) ?? 'failed') : undefined,
  }
}

export function callFields(span: ReadableSpan, reading: Reading, agentId: string): Fields {
  const { attributes } = span
  const url = textOf(attributes['url.full']) ?? textOf(attributes['http.url'])
  const a2a = textOf(attributes['a2a.method.name'])
  return {
    agentId,
    host: hostOf(attributes, url),
    method: textOf(attributes[ATTR.method]) ?? textOf(attributes['http.method']) ?? a2a,
    path: textOf(attributes[ATTR.path]) ?? pathOf(url),
    status: numberOf(attributes[ATTR.statusCode]) ?? numberOf(attributes['http.status_code']),
    ms: durationMs(span),
    error: hasFailed(span) ? errorOf(span, reading) : undefined,
  }
}

/** LangGraph stops a run to ask a person, and hands over, by throwing. */
const INTERRUPT = /\b(?:Graph|Node)Interrupt\b/
const PARENT_COMMAND = /\bParentCommand\b/

export const isInterrupted = (span: SpanView): boolean => threw(span, INTERRUPT)

function hasFailed(span: SpanView): boolean {
  if (span.status.code !== SpanStatusCode.ERROR && failureSaid(span) === undefined) return false
  return !threw(span, INTERRUPT) && !threw(span, PARENT_COMMAND)
}

function threw(span: SpanView, what: RegExp): boolean {
  const { status, events } = span
  if (status.code !== SpanStatusCode.ERROR) return what.test(failureSaid(span)?.slice(0, 1_000) ?? '')
  if (status.message !== undefined && what.test(status.message.slice(0, 1_000))) return true
  return events.some(({ name, attributes }) => {
    const type = name === 'exception' ? attributes?.['exception.type'] : undefined
    return typeof type === 'string' && what.test(type)
  })
}

const TRANSFER = /^(?:transfer|hand_?off)_to_(.+)$/

/** To whom a tool that ended by handing over did so. */
export function transferTarget(span: SpanView, toolName: string): string | undefined {
  const named = TRANSFER.exec(toolName)?.[1]
  if (named === undefined) return undefined
  return threw(span, PARENT_COMMAND) ? named : commandTarget(span)
}

function errorOf(span: SpanView, reading: Reading): string | undefined {
  return (
    textOf(span.status.message) ?? readText(span, reading, 'error') ?? textOf(span.attributes[ATTR.errorType])
  )
}

function durationMs({ duration: [seconds, nanos] }: ReadableSpan): number {
  return Math.max(0, Math.round(seconds * 1000 + nanos / 1e6))
}

function bytesOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  return Buffer.byteLength(
    typeof value === 'string' ? value : (JSON.stringify(value as AttributeValue) ?? ''),
  )
}

/** The host that was asked, with the port where it is not the usual one. */
function hostOf(attributes: Attributes, url: string | undefined): string | undefined {
  const name = textOf(attributes[ATTR.host]) ?? textOf(attributes['net.peer.name'])
  if (name === undefined) return undefined
  const host = isIPv6(name) ? `[${name}]` : name
  if (url !== undefined && URL.canParse(url)) {
    const { hostname, host: asked } = new URL(url)
    // The peer's port may be a proxy's.
    if (hostname === host.toLowerCase()) return asked
  }
  const port = numberOf(attributes['server.port']) ?? numberOf(attributes['net.peer.port'])
  return port === undefined || /:\d+$/.test(host) || isUsual(port, attributes) ? host : `${host}:${port}`
}

function isUsual(port: number, attributes: Attributes): boolean {
  const scheme = textOf(attributes['url.scheme']) ?? textOf(attributes['http.scheme'])
  return (port === 443 && scheme !== 'http') || (port === 80 && scheme !== 'https')
}

/** A URL's path without the query, which often holds keys. */
function pathOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  return new URL(url).pathname
}

/** When a span ended, epoch milliseconds. */
export const endMs = (span: ReadableSpan): number => hrToMillis(span.endTime)
