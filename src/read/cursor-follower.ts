/** What following a log gives: its lines as they come, and a cursor that can be committed. */
import type { CursorKeeper } from './cursor-keeper.js'
import type { LogItem } from './items.js'

/** The lines of a log as they come. */
export interface LogFollower extends AsyncGenerator<LogItem, void, undefined> {
  /**
   * Moves the cursor behind everything that was given so far, the line in hand included, and resolves when that is
   * on the disk. Can be called in the loop, and after it.
   * @throws when there is no cursor, or its file cannot be written
   */
  commit(): Promise<void>
}

export function withCommit(
  items: AsyncGenerator<LogItem, void, undefined>,
  keeper: CursorKeeper | undefined,
): LogFollower {
  const commit = async (): Promise<void> => {
    if (keeper === undefined)
      throw new Error('there is no cursor to commit: give followLog the option cursor')
    await keeper.commit()
  }
  return Object.assign(items, { commit })
}
