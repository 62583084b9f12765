/** OpenLLMetry's instrumentation of LangChain in a provider of the application's: it patches LangChain itself. */
import { CallbackManager } from '@langchain/core/callbacks/manager'
import { LangChainInstrumentation } from '@traceloop/instrumentation-langchain'
import { startTelemetry } from '../kit/their-telemetry.mjs'

const provider = await startTelemetry()
const instrumentation = new LangChainInstrumentation()
instrumentation.setTracerProvider(provider)
instrumentation.manuallyInstrument({ callbackManagerModule: { CallbackManager } })
