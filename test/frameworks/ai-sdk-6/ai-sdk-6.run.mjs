import { suite } from '../kit/suite.mjs'
import { scenarios } from './scenarios.mjs'

await suite(import.meta.url, { framework: 'AI SDK', package: 'ai', scenarios: scenarios() })
