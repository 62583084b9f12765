/** OpenLLMetry in a provider of the application's: by hand, since its patches do not reach ES modules. */
import * as anthropic from '@anthropic-ai/sdk'
import { AnthropicInstrumentation } from '@traceloop/instrumentation-anthropic'
import { OpenAIInstrumentation } from '@traceloop/instrumentation-openai'
import openai from 'openai'
import { startTelemetry } from '../kit/their-telemetry.mjs'

const provider = await startTelemetry()
for (const [instrumentation, client] of [
  [new OpenAIInstrumentation(), openai],
  [new AnthropicInstrumentation(), anthropic],
]) {
  instrumentation.setTracerProvider(provider)
  instrumentation.manuallyInstrument(client)
}
