/** What a span is, and what it says, in whichever of the vocabularies it is told. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import { aiSdk } from './ai-sdk.js'
import { claudeCode, claudeCodeRole } from './claude-code.js'
import { a2a, genAi, mcp, OPERATIONS } from './gen-ai.js'
import { GRAPH_NAMESPACE, langfuse } from './langfuse.js'
import { mastra, mastraStart } from './mastra.js'
import { openinference } from './openinference.js'
import { countsUncached, openllmetry, openllmetryCalls } from './openllmetry.js'
import {
  type ContentField,
  type NumberField,
  numberOf,
  type Role,
  type SpanView,
  type TextField,
  textOf,
  type Usage,
  type Vocabulary,
} from './vocabulary.js'

/** The more special first: what it says goes before what the conventions say. */
const VOCABULARIES: readonly Vocabulary[] = [
  mastra,
  aiSdk,
  openinference,
  langfuse,
  openllmetry,
  genAi,
  openllmetryCalls,
  mcp,
  a2a,
]

/** Attributes, beside those of kinds, without which it may not show what a span is. */
const TELLING = new Set([
  ...VOCABULARIES.map(({ kind }) => kind),
  'graph.node.id',
  GRAPH_NAMESPACE,
  'ai.telemetry.functionId',
  'server.address',
  'net.peer.name',
  'http.request.method',
  'http.method',
])

/** Whether an attribute of this name may say what a span is. */
export const saysRole = (name: unknown): boolean =>
  typeof name === 'string' && (name.startsWith('gen_ai.') || TELLING.has(name))

/** What a span was found to be. */
export interface Reading {
  readonly role: Role
  /** Whose words it is told in; the conventions' are read beside. */
  readonly vocabulary: Vocabulary
  /** The name of agent or tool, where only the span's name tells it. */
  readonly name?: string | undefined
}

/** Scopes of Node's instrumentations: of theirs only queries of APIs, which show at the start, and models are told. */
const PLAIN_SCOPE =
  /^@opentelemetry\/instrumentation-(?!openai|bedrock|aws-sdk|anthropic|langchain|genai|google)/

/** Bits of the names of attributes: of each vocabulary's kind, in their order, and of what a query of an API has. */
const BITS = new Map(VOCABULARIES.map(({ kind }, i) => [kind, 1 << i]))
const ALL_KINDS = (1 << VOCABULARIES.length) - 1
const HOST = 1 << 29
const METHOD = 1 << 30
for (const name of ['server.address', 'net.peer.name']) BITS.set(name, HOST)
for (const name of ['http.request.method', 'http.method']) BITS.set(name, METHOD)

/**
 * Next to all spans have a few attributes of which none says anything here. To go through those takes less time than to
 * look for each that might.
 */
function bitsOf(attributes: Attributes): number {
  let bits = 0
  for (const name in attributes) bits |= BITS.get(name) ?? 0
  return bits
}

/** What a span is, as far as it shows; `undefined` if it does not, or not yet. */
export function readRole(span: SpanView): Reading | undefined {
  const claude = claudeCodeRole(span)
  if (claude !== undefined) return { role: claude, vocabulary: claudeCode }
  const bits = bitsOf(span.attributes)
  if ((bits & ALL_KINDS) !== 0) {
    const known = byKind(span)
    if (known !== undefined) return known
  }
  return byName(span) ?? ((bits & HOST) !== 0 && (bits & METHOD) !== 0 ? apiCall(span) : undefined)
}

function byKind(span: SpanView): Reading | undefined {
  for (const vocabulary of VOCABULARIES) {
    const value = span.attributes[vocabulary.kind]
    if (value === undefined) continue
    const role = roleIn(vocabulary, span, value)
    if (role !== undefined) return { role, vocabulary }
  }
  return undefined
}

function roleIn(vocabulary: Vocabulary, span: SpanView, value: unknown): Role | undefined {
  const { roles } = vocabulary
  const role = typeof value === 'string' && Object.hasOwn(roles, value) ? roles[value] : undefined
  return vocabulary.roleOf === undefined ? role : vocabulary.roleOf(span, role)
}

function byName(span: SpanView): Reading | undefined {
  const { name } = span
  const started = mastraStart(span)
  if (started !== undefined) return { role: started.role, vocabulary: mastra, name: started.name }
  if (!INITIALS.includes(name[0] ?? '-')) return undefined
  const [word, rest] = firstWord(name)
  const role = Object.hasOwn(OPERATIONS, word) ? OPERATIONS[word] : undefined
  if (role === undefined) return undefined
  // `chat` begins names of anything; the conventions' call of a model says more.
  if (role === 'model' && !isGenAi(span)) return undefined
  return { role, vocabulary: genAi, name: rest }
}

/** First letters of the operations. */
const INITIALS = [...new Set(Object.keys(OPERATIONS).map((each) => each[0]))].join('')

function firstWord(name: string): [word: string, rest: string | undefined] {
  const cut = name.search(/\s/)
  if (cut < 0) return [name, undefined]
  return [name.slice(0, cut), name.slice(cut).trim() || undefined]
}

function isGenAi({ attributes }: SpanView): boolean {
  for (const name in attributes) if (name.startsWith('gen_ai.')) return true
  return false
}

const CALL: Vocabulary = { name: 'HTTP', kind: 'http.request.method', roles: {} }

function apiCall({ kind, attributes }: SpanView): Reading | undefined {
  if (kind !== SpanKind.CLIENT) return undefined
  const host = attributes['server.address'] ?? attributes['net.peer.name']
  const method = attributes['http.request.method'] ?? attributes['http.method']
  return textOf(host) !== undefined && textOf(method) !== undefined
    ? { role: 'call', vocabulary: CALL }
    : undefined
}

/** Answers by scope, which are few. */
const plainScopes = new Map<string, boolean>()

/** Whether a span of this scope, if its start does not show what it is, is nothing. */
export function isPlain({ instrumentationScope }: SpanView): boolean {
  const name = instrumentationScope?.name ?? ''
  let answer = plainScopes.get(name)
  if (answer === undefined) {
    answer = PLAIN_SCOPE.test(name)
    if (plainScopes.size < 1_000) plainScopes.set(name, answer)
  }
  return answer
}

/** Whether spans in these words tell in which nodes of LangGraph's they lie. */
export const tellsGraphs = (reading: Reading | undefined): reading is Reading =>
  reading?.vocabulary === openinference || reading?.vocabulary === langfuse

/** A text of a span. */
export function readText(
  span: SpanView,
  { vocabulary, name }: Reading,
  field: TextField,
): string | undefined {
  const said =
    named(span, vocabulary.texts?.[field]) ??
    (vocabulary === genAi ? undefined : named(span, genAi.texts?.[field]))
  if (said !== undefined) return said
  if (name !== undefined && (field === 'agentName' || field === 'toolName')) return name
  return vocabulary.text?.(span, field) ?? nameInWords(span, field)
}

function named({ attributes }: SpanView, names: readonly string[] | undefined): string | undefined {
  for (const name of names ?? []) {
    const value = textOf(attributes[name])
    if (value !== undefined) return value
  }
  return undefined
}

/** `invoke_agent Reviewer`, `execute_tool grep`. */
function nameInWords({ name }: SpanView, field: TextField): string | undefined {
  if (field !== 'agentName' && field !== 'toolName') return undefined
  const [word, rest] = firstWord(name)
  return word === (field === 'agentName' ? 'invoke_agent' : 'execute_tool') ? rest : undefined
}

const NUMBERS: readonly NumberField[] = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'costUsd',
  'ttftMs',
]

/** The tokens, cost and times of a model's call. */
export function readUsage(span: SpanView, { vocabulary }: Reading): Usage {
  const usage: Usage = {}
  // The conventions' counts hold all of the input; those of others may not.
  for (const each of vocabulary === genAi ? [genAi] : [genAi, vocabulary]) {
    const told = each.usage?.(span)
    for (const field of NUMBERS) {
      if (usage[field] !== undefined) continue
      const value = firstNumber(span, each.numbers?.[field]) ?? told?.[field]
      if (value !== undefined) usage[field] = value
    }
  }
  const { inputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage
  if (inputTokens !== undefined && countsUncached(span)) {
    usage.inputTokens = inputTokens + cacheReadTokens + cacheWriteTokens
  }
  return usage
}

function firstNumber({ attributes }: SpanView, names: readonly string[] | undefined): number | undefined {
  for (const name of names ?? []) {
    const value = numberOf(attributes[name])
    if (value !== undefined) return value
  }
  return undefined
}

/** What people and models said, as the span has it: text, or a list of texts. */
export function readContent(span: SpanView, { vocabulary }: Reading, field: ContentField): unknown {
  for (const each of [vocabulary, genAi]) {
    for (const name of each.contents?.[field] ?? []) {
      const value = span.attributes[name]
      if (value !== undefined && value !== null && value !== '') return value
    }
  }
  return undefined
}
