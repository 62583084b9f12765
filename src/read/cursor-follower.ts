/** What following a log gives: its lines as they come, and a cursor that can be committed. */
import { OptionsError } from '../format/options.js'
import type { CursorKeeper } from './cursor-keeper.js'
import type { LogItem } from './items.js'

/** The lines of a log as they come. */
export interface LogFollower extends AsyncGenerator<LogItem, void, undefined> {
  /**
   * Moves the cursor behind everything that was given so far, the line in hand included, and resolves when that is
   * on the disk. Can be called in the loop, and after it.
   * @throws {OptionsError} when there is no cursor
   * @throws {CursorFileError} when its file cannot be written
   */
  commit(): Promise<void>
}

export function withCommit(
  items: AsyncGenerator<LogItem, void, undefined>,
  keeper: CursorKeeper | undefined,
): LogFollower {
  const commit = async (): Promise<void> => {
    if (keeper === undefined)
      throw new OptionsError('there is no cursor to commit: give followLog the option cursor')
    await keeper.commit()
  }
  return Object.assign(items, { commit })
}
