/** What `hivelog verify --json` tells of each log of a hive, in one answer. */
import { existsSync } from 'node:fs'
import { logsOfHive } from '../../disk/hive-logs.js'
import { archivedSegments } from '../../disk/segments.js'
import type { VerifyReport } from '../../verify/report.js'
import { verifyLog } from '../../verify/verify.js'

export interface VerifyAnswer {
  /** Whether all logs are whole and unchanged. */
  ok: boolean
  logs: ({ file: string } & VerifyReport)[]
}

export async function verifyHive(file: string): Promise<VerifyAnswer> {
  const logs: VerifyAnswer['logs'] = []
  for (const log of logsOfHive([file])) {
    // Of a child there may be only the folder of its own children.
    if (log !== file && !existsSync(log) && archivedSegments(log).length === 0) continue
    logs.push({ file: log, ...(await verifyLog(log)) })
  }
  return { ok: logs.every(({ ok }) => ok), logs }
}
