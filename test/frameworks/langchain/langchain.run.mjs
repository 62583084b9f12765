import { suite } from '../kit/suite.mjs'
import { scenarios } from './scenarios.mjs'

await suite(import.meta.url, { framework: 'LangGraph', package: '@langchain/langgraph', scenarios })
