/** What went wrong at the disk, and may go well later. */

/** Seconds until it may, by the code of an error; the first two say that the disk is full. */
const LATER: Readonly<Record<string, number>> = {
  ENOSPC: 30,
  EDQUOT: 30,
  EMFILE: 5,
  ENFILE: 5,
  ERR_HIVELOG_NOT_DURABLE: 5,
  ERR_HIVELOG_LOCKED: 5,
}
const FULL = new Set(['ENOSPC', 'EDQUOT'])
const MAX_CAUSES = 8

export interface DiskTrouble {
  isFull: boolean
  /** In seconds. */
  retryAfter: number
}

/** @returns `undefined` for an error of another kind; one with a cause is of its cause's kind too, a full disk first */
export function diskTrouble(error: unknown): DiskTrouble | undefined {
  let found: DiskTrouble | undefined
  let each = error
  for (let depth = 0; each instanceof Error && depth < MAX_CAUSES; depth++) {
    const { code = '' } = each as NodeJS.ErrnoException
    const retryAfter = LATER[code]
    if (retryAfter !== undefined && FULL.has(code)) return { isFull: true, retryAfter }
    if (retryAfter !== undefined) found ??= { isFull: false, retryAfter }
    each = each.cause
  }
  return found
}
