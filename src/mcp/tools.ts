/** All tools, in the order in which a client sees them. None of them changes anything, and none decides. */
import type { Tool } from './tool.js'
import { cost } from './tools/cost.js'
import { agentStory, getEvents, searchEvents } from './tools/events.js'
import { overview } from './tools/overview.js'
import { audit, check, diff, talk, verify, why } from './tools/reports.js'
import { inbox, stateAt } from './tools/state.js'

export const TOOLS: readonly Tool[] = [
  overview,
  searchEvents,
  getEvents,
  stateAt,
  inbox,
  agentStory,
  talk,
  why,
  audit,
  cost,
  check,
  diff,
  verify,
]
