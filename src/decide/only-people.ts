/** An agent never decides, whoever put its decision there, and whichever process takes it. */
import { brief } from '../format/quote.js'
import type { Decision } from './decision.js'

export { isCalled } from '../model/agent-names.js'

/**
 * Why a decision is not taken.
 * @param isAgent whether this is an agent's id, or what one is called, in the log that would have it
 * @returns for people, a line; `undefined` when it is a person's
 */
export function agentFault(
  { id, by }: Pick<Decision, 'id' | 'by'>,
  isAgent: (name: string) => boolean,
): string | undefined {
  return isAgent(by)
    ? `the decision of "${brief(id)}" is by "${brief(by)}", an agent, and only people decide; it is removed`
    : undefined
}
