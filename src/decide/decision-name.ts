/** Names of the files in which decisions lie. */
import { createHash } from 'node:crypto'

const NAME = /^[0-9a-f]{32}\.json$/

/** Name of the file in which the decision of this escalation lies: whatever the id is, it is no path. */
export const decisionName = (id: string): string =>
  `${createHash('sha256').update(id).digest('hex').slice(0, 32)}.json`

export const isDecisionName = (name: string): boolean => NAME.test(name)
