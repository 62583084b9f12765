/** What lines name by its hash, as it lies beside their log. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openOwn, openOwnFile, type TellNotOwn } from '../disk/own-files.js'
import { artifactsFolder } from '../format/beside.js'
import { decodeLine } from '../format/decode.js'

const NEWLINE = 10
/** A line is in the log before what it names is beside it. Its writer tries for over a second before it gives that up. */
const WAIT_MS = 2_000
const POLL_MS = 20
/** What an older line names is there, or will never be. */
const YOUNG_MS = 10_000

/**
 * Until when what these lines name is waited for, by `Date.now()`; 0 where none of them was written just now.
 * @param bytes whole lines
 */
export function deadlineFor(bytes: Buffer): number {
  const end = bytes.lastIndexOf(NEWLINE)
  const decoded = decodeLine(bytes.subarray(bytes.lastIndexOf(NEWLINE, end - 1) + 1, end))
  const now = Date.now()
  return 'event' in decoded && decoded.event.ts > now - YOUNG_MS ? now + WAIT_MS : 0
}

/**
 * @param until as `deadlineFor` says
 * @param onNotOwn is told of what lies there and is no file of the log's own
 * @returns the content; nothing when it is not there or not what its name says, which `verify` tells of here and there
 */
export async function artifactOf(
  log: string,
  ref: string,
  until: number,
  onNotOwn?: TellNotOwn,
): Promise<Buffer | undefined> {
  const path = join(artifactsFolder(log), ref.slice(0, 2), ref)
  for (;;) {
    const isLast = Date.now() >= until
    const content = await contentAt(log, path, onNotOwn).catch(() => undefined)
    if (content !== undefined)
      return createHash('sha256').update(content).digest('hex') === ref ? content : undefined
    if (isLast) return undefined
    await pause(POLL_MS)
  }
}

async function contentAt(
  log: string,
  path: string,
  onNotOwn: TellNotOwn | undefined,
): Promise<Buffer | undefined> {
  const handle = await openOwnFile(openOwn(log, path), path, onNotOwn)
  try {
    return await handle?.readFile()
  } finally {
    await handle?.close()
  }
}
