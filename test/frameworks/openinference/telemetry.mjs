/** OpenInference in a provider of the application's: by hand, since its patches do not reach ES modules. */
import * as anthropic from '@anthropic-ai/sdk'
import { AnthropicInstrumentation } from '@arizeai/openinference-instrumentation-anthropic'
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain'
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai'
import * as callbacks from '@langchain/core/callbacks/manager'
import * as openai from 'openai'
import { startTelemetry } from '../kit/their-telemetry.mjs'

const tracerProvider = await startTelemetry()
// Which of them: a framework's beside its client's tells each call twice, and that has to be one.
const wanted = (process.env.HIVELOG_TEST_INSTRUMENT ?? 'openai anthropic langchain').split(' ')
if (wanted.includes('openai')) new OpenAIInstrumentation({ tracerProvider }).manuallyInstrument({ ...openai })
if (wanted.includes('anthropic')) {
  new AnthropicInstrumentation({ tracerProvider }).manuallyInstrument({ default: anthropic.default })
}
if (wanted.includes('langchain')) {
  new LangChainInstrumentation({ tracerProvider }).manuallyInstrument({ ...callbacks })
}
