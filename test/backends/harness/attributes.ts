/** Attributes as the documentation says they are (docs of the span mapping), and as Jaeger tells them. */
import type { Line } from '../../kit/hive-support.js'
import type { StoredSpan, Value } from './trace.js'

const ENVELOPE = new Set(['ts', 'kind', 'seq', 'session', 'checkpoint', 'trace', 'span'])
const USAGE: Record<string, string> = {
  model: 'gen_ai.request.model',
  provider: 'gen_ai.provider.name',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  responseId: 'gen_ai.response.id',
}
type Attributes = Map<string, unknown>

/** The attributes of the span event that a line stands for. */
export function eventAttributes(line: Line): Attributes {
  const attributes: Attributes = new Map()
  const json: string[] = []
  for (const [field, value] of Object.entries(line)) {
    if (ENVELOPE.has(field)) continue
    attributes.set(`hive.${field}`, value)
    if (typeof value === 'object' && !isList(value)) json.push(field)
  }
  if (json.length > 0) attributes.set('hivelog.json_fields', json)
  return attributes
}

/** Whether an attribute can hold it: a list of texts, of numbers or of truth values. */
function isList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false
  return typeof value[0] !== 'object' && value.every((item) => typeof item === typeof value[0])
}

/** Those of an agent's span that do not change with its parts; of a session's when there is no spawn. */
export function lifeAttributes(spawn: Line | undefined, session: string): Attributes {
  const ids: [string, unknown][] = [
    ['gen_ai.conversation.id', session],
    ['session.id', session],
  ]
  if (spawn === undefined) return new Map(ids)
  return given([
    ...ids,
    ['gen_ai.operation.name', 'invoke_agent'],
    ['gen_ai.agent.id', spawn.agentId],
    ['gen_ai.agent.name', spawn.name],
    ['hive.agent.is_god', spawn.isGod],
    ['gen_ai.request.model', spawn.model],
    ['hive.agent.parent_id', spawn.parent],
    ['hive.agent.role', spawn.role],
    ['process.pid', spawn.pid],
  ])
}

/** Whether a tool or a call, of an API or of a model, failed. */
export function hasFailed({ kind, ok, status, error }: Line): boolean {
  if (kind === 'usage') return error !== undefined
  return kind === 'tool' ? ok !== true : error !== undefined || (typeof status === 'number' && status >= 400)
}

/** Those of the span of a tool or a call, of an API or of a model. */
export function workAttributes(line: Line): Attributes {
  const { kind, status, agentId, session } = line
  const failure: [string, unknown] = [
    'error.type',
    hasFailed(line) ? (kind === 'call' && status !== undefined ? String(status) : 'error') : undefined,
  ]
  if (kind === 'call') {
    return given([
      failure,
      ['hive.agent.id', agentId],
      ['session.id', session],
      ['http.request.method', line.method],
      ['server.address', line.host],
      ['url.path', line.path],
      ['http.response.status_code', status],
    ])
  }
  const common: [string, unknown][] = [
    failure,
    ['gen_ai.agent.id', agentId],
    ['gen_ai.conversation.id', session],
  ]
  if (kind === 'tool') {
    return given([...common, ['gen_ai.operation.name', 'execute_tool'], ['gen_ai.tool.name', line.name]])
  }
  const told = Object.entries(USAGE).map(([field, name]): [string, unknown] => [name, line[field]])
  return given([
    ...common,
    ...told,
    ['gen_ai.operation.name', 'chat'],
    ['gen_ai.response.model', line.model],
    ['hive.costUsd', line.costUsd],
    ['hive.task', line.task],
    ['hive.decision', line.decision],
  ])
}

const given = (all: [string, unknown][]): Attributes =>
  new Map(all.filter(([, value]) => value !== undefined))

/** How Jaeger's attributes differ from the wanted ones; `undefined` when they do not. */
export function difference(wanted: Attributes, found: ReadonlyMap<string, Value>): string | undefined {
  for (const [name, value] of wanted) {
    const other = found.get(name)
    // Jaeger tells lists as JSON, and so does hivelog what no attribute can hold.
    const isSame =
      typeof value === 'object' ? JSON.stringify(value) === compact(other) : Object.is(value, other)
    if (!isSame) return `${name} is ${JSON.stringify(other)}, not ${JSON.stringify(value)}`
  }
  for (const name of found.keys()) if (!wanted.has(name)) return `${name} is too much`
  return undefined
}

function compact(text: Value | undefined): string {
  try {
    return JSON.stringify(JSON.parse(String(text)))
  } catch {
    return String(text)
  }
}

/** How a span's status differs from the wanted one; `message` is what went wrong, if that is told. */
export function statusDifference(
  failed: boolean,
  message: unknown,
  { status }: StoredSpan,
): string | undefined {
  const wanted = failed ? { code: 2, message: message ?? '' } : { code: 0, message: '' }
  const isSame = status.code === wanted.code && status.message === wanted.message
  return isSame ? undefined : `status ${JSON.stringify(status)}, not ${JSON.stringify(wanted)}`
}
