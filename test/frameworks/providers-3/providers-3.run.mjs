/** SDK 3.x (NodeSDK 0.30x), whose API has a copy for ES modules and one for CommonJS. */
import { suite } from '../providers/orders.mjs'

await suite(import.meta.url, {
  framework: 'OpenTelemetry SDK 3',
  otherApi: 'api-1.9',
  orders: ['NodeSDK after', 'NodeSDK first', 'NodeSDK next'],
})
