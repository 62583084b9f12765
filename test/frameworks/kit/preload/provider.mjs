/** What an application does that has OpenTelemetry: a provider of its own, with hivelog's processor in it. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const application = createRequire(join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(application.resolve(name)).href)
const { HiveSpanProcessor, JsonlSpanExporter } = await load('hivelog')
const { NodeTracerProvider } = await load('@opentelemetry/sdk-trace-node')

const provider = new NodeTracerProvider({
  spanProcessors: [
    new HiveSpanProcessor({ exporter: new JsonlSpanExporter({ file: process.env.HIVELOG_FILE }) }),
  ],
})
provider.register()
process.once('beforeExit', () => provider.shutdown())
