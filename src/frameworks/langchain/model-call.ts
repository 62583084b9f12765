/** What LangChain's callbacks say about a model call. */
import { readField } from '../../format/fields.js'
import type { UsageInput } from '../../hive/inputs.js'
import { itemsIn, numberIn, textIn } from '../reading.js'

/** LangChain's names of providers (`ls_provider`), as OpenTelemetry's GenAI conventions have them. */
const PROVIDERS: Readonly<Record<string, string>> = {
  amazon_bedrock: 'aws.bedrock',
  azure: 'azure.ai.openai',
  azure_openai: 'azure.ai.openai',
  google_anthropic: 'gcp.vertex_ai',
  google_genai: 'gcp.gemini',
  google_vertexai: 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  mistralai: 'mistral_ai',
  xai: 'x_ai',
}

/** The model and its provider, as they are known when the call begins. */
export function modelOf(extra: unknown, metadata: unknown): { model?: string; provider?: string } {
  const asked = readField(extra, 'invocation_params')
  const model =
    textIn(asked, 'model') ??
    textIn(asked, 'model_name') ??
    textIn(asked, 'modelId') ??
    textIn(metadata, 'ls_model_name')
  const named = textIn(metadata, 'ls_provider')
  const provider = named === undefined ? undefined : (PROVIDERS[named] ?? named)
  return { ...(model !== undefined && { model }), ...(provider !== undefined && { provider }) }
}

/** Ids that LangChain made itself, for an answer that has none. */
const OWN_ID = /^(?:run|lc_run)-/

/** Tokens and id of an answer; tokens that nobody told are left out. */
export function answerOf(output: unknown): { -readonly [Name in keyof UsageInput]?: UsageInput[Name] } {
  const message = readField(itemsIn({ first: itemsIn(output, 'generations')[0] }, 'first')[0], 'message')
  const usage = readField(message, 'usage_metadata')
  const details = readField(usage, 'input_token_details')
  const legacy = readField(readField(output, 'llmOutput'), 'tokenUsage')
  const id = textIn(readField(message, 'response_metadata'), 'id') ?? textIn(message, 'id')
  return withoutUndefined({
    inputTokens: numberIn(usage, 'input_tokens') ?? numberIn(legacy, 'promptTokens'),
    outputTokens: numberIn(usage, 'output_tokens') ?? numberIn(legacy, 'completionTokens'),
    cacheReadTokens: numberIn(details, 'cache_read'),
    cacheWriteTokens: numberIn(details, 'cache_creation'),
    responseId: id === undefined || OWN_ID.test(id) ? undefined : id,
  })
}

const withoutUndefined = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
