/** What is asked in `interrupt()`, and in which run. */
import { createHash } from 'node:crypto'

/**
 * Id of a wait: the same in the run that asks and in the one that is resumed, also in another process, since LangGraph
 * gives a task the same namespace in both.
 * @param answered how many answers this task had when it asked
 */
export function waitId(thread: string | undefined, namespace: string, answered: number): string {
  const hash = createHash('sha256')
    .update(`${thread ?? ''}\0${namespace}\0${answered}`)
    .digest('hex')
  return `${(thread ?? 'thread').slice(0, 64)}/${hash.slice(0, 16)}`
}
