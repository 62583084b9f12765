/** How far a server's copies are behind their logs. */
import { logsOfHive } from '../disk/hive-logs.js'
import { type TellNotOwn, tellingOnce } from '../disk/own-files.js'
import { positionOf, whyDifferent } from './copy-sender.js'
import { identityOf } from './segments.js'
import { Transport, type TransportOptions } from './transport.js'
import { LogWalk } from './walk.js'

/** How far one copy is. */
export interface LogStatus {
  /** Path of the log. */
  file: string
  /** Its id, under which it is stored; `null` while the log has no whole line. */
  log: string | null
  /** Name of the folder that it is stored in. */
  session: string | null
  /** The last `seq` that the server has; 0 for none. */
  seq: number
  /** Bytes of whole lines that the server does not have, uncompressed. */
  behindBytes: number
  /** Those lines. */
  behindLines: number
  /** Why nothing more can be sent: what the copy holds is not what the log holds. Only then. */
  differs?: string
}

const NEWLINE = 10
const STEP = 1024 * 1024

/**
 * Asks the server how far it is with the logs of a hive, and counts what is missing.
 * @throws {ShipError} when the server refuses
 * @throws {LogReadError} when a log must not be read
 */
export async function shipStatus(
  files: readonly string[],
  { thisFile, onNotOwn, ...options }: TransportOptions & { thisFile?: boolean; onNotOwn?: TellNotOwn },
): Promise<LogStatus[]> {
  const transport = new Transport(options)
  try {
    const all: LogStatus[] = []
    for (const file of logsOfHive(files, thisFile, tellingOnce(onNotOwn)))
      all.push(await statusOf(file, transport))
    return all
  } finally {
    await transport.close()
  }
}

async function statusOf(file: string, transport: Transport): Promise<LogStatus> {
  const status: LogStatus = { file, log: null, session: null, seq: 0, behindBytes: 0, behindLines: 0 }
  const identity = await identityOf(file)
  if (identity === undefined) return status
  const copy = await positionOf(transport, identity)
  const { at, seq } = copy
  const differs = await whyDifferent(file, copy)
  const walk = new LogWalk(file, at)
  try {
    for (;;) {
      const piece = await walk.next(STEP)
      if (piece === undefined) break
      status.behindBytes += piece.bytes.length
      status.behindLines += linesIn(piece.bytes)
      await walk.to(piece.end)
    }
  } finally {
    await walk.rest()
  }
  return {
    ...status,
    log: identity.log,
    session: identity.session,
    seq,
    ...(differs !== undefined && { differs }),
  }
}

function linesIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}
