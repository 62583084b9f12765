/** What answers tell of beside the segments of a hive: artifacts, what is called like a segment, settings. */
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AuditTrail } from '../../analyse/audit/report.js'
import { pathOfConfig } from '../../analyse/check/verdict.js'
import type { ShowReport } from '../../analyse/show/report.js'
import { strayFiles } from '../../disk/segments.js'
import { artifactFolder } from '../../verify/artifacts.js'
import type { VerifyAnswer } from './verify-hive.js'

/**
 * Lists the files beside the segments that an answer tells of, as they are whenever it is called. `undefined` where the
 * answer tells of none.
 */
export type Beside = (() => readonly string[] | Promise<readonly string[]>) | undefined

/** Of a report of that name (`REPORTS`). @param file path of the log */
export function besideOf(name: string, file: string): (report: object) => Beside {
  if (name === 'verify') return (report) => besideVerify(report as VerifyAnswer)
  if (name === 'check') return () => () => [pathOfConfig(file)]
  if (name === 'audit') return (report) => besideAudit(report as AuditTrail)
  return () => undefined
}

/** Of an audit: the artifacts that hold subjects, if any. */
function besideAudit({ cases }: AuditTrail): Beside {
  const paths = cases.flatMap(({ aside }) => (aside === undefined ? [] : [aside.path]))
  return paths.length === 0 ? undefined : () => withFolders(paths)
}

/** Of `show`: the artifacts that it names, if any. */
export function besideShow({ artifacts }: ShowReport): Beside {
  if (artifacts.length === 0) return undefined
  const paths = artifacts.map(({ path }) => path)
  return () => withFolders(paths)
}

function besideVerify({ logs }: VerifyAnswer): Beside {
  const files = logs.map(({ file }) => file)
  return async () => {
    const found: string[] = []
    for (const file of files) {
      found.push(...strayFiles(file).map((stray) => stray.file))
      const folder = artifactFolder(file)
      found.push(folder)
      for (const prefix of await namesIn(folder)) {
        const below = join(folder, prefix)
        found.push(below, ...(await namesIn(below)).map((name) => join(below, name)))
      }
    }
    return found
  }
}

/** A file that comes or goes changes its folder. */
const withFolders = (paths: readonly string[]): string[] => paths.flatMap((path) => [dirname(path), path])

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
