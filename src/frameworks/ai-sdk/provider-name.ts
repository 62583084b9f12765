/** The SDK's names of providers, as OpenTelemetry's GenAI conventions have them. */
const NAMES: readonly (readonly [prefix: string, name: string])[] = [
  ['google.vertex', 'gcp.vertex_ai'],
  ['google-vertex', 'gcp.vertex_ai'],
  ['google', 'gcp.gemini'],
  ['amazon-bedrock', 'aws.bedrock'],
  ['bedrock', 'aws.bedrock'],
  ['azure-openai', 'azure.ai.openai'],
  ['azure', 'azure.ai.inference'],
  ['anthropic', 'anthropic'],
  ['openai', 'openai'],
  ['mistral', 'mistral_ai'],
  ['xai', 'x_ai'],
]

/** `openai.responses` is `openai`; a name that nothing is known of stays as it is, without what follows its first dot. */
export function providerName(given: string | undefined): string | undefined {
  if (given === undefined) return undefined
  const lower = given.toLowerCase()
  const known = NAMES.find(
    ([prefix]) => lower === prefix || lower.startsWith(`${prefix}.`) || lower.startsWith(`${prefix}-`),
  )
  return known?.[1] ?? given.split('.', 1)[0]
}
