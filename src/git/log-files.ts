/**
 * Which files make up a log: its live file, its archived segments, its artifacts, and the logs of child processes in
 * `<log>.agents` with theirs. Locks, drafts, cursors and side indexes are nobody's history. Paths here are relative
 * to the log's folder, with `/`.
 */
import { join, relative, sep } from 'node:path'
import { logsOfHive } from '../disk/hive-logs.js'
import type { TellNotOwn } from '../disk/own-files.js'
import {
  agentsFolder,
  artifactsFolder,
  childLogOf,
  PASSING,
  parseArchiveName,
  stemOf,
} from '../format/beside.js'

export type LogFileKind = 'live' | 'archived' | 'artifact'

const ARTIFACT = /^[0-9a-f]{2}\/[0-9a-f]{64}$/

/** What `path` is to the log `name`; `undefined` for what is not its history. */
export function kindOfFile(name: string, path: string): LogFileKind | undefined {
  let log = name
  let rest = path
  for (;;) {
    if (rest === log) return 'live'
    if (parseArchiveName(rest)?.stem === stemOf(log) && !rest.includes('/')) return 'archived'
    const artifacts = `${artifactsFolder(log)}/`
    if (rest.startsWith(artifacts)) {
      return ARTIFACT.test(rest.slice(artifacts.length)) ? 'artifact' : undefined
    }
    const agents = `${agentsFolder(log)}/`
    if (!rest.startsWith(agents)) return undefined
    rest = rest.slice(agents.length)
    const end = rest.indexOf('/')
    if (end === -1) {
      if (parseArchiveName(rest) !== undefined) return 'archived'
      return childLogOf(rest) === rest ? 'live' : undefined
    }
    const child = /^(.*\.jsonl)\.(?:artifacts|agents)$/s.exec(rest.slice(0, end))?.[1]
    if (child === undefined) return undefined
    log = child
  }
}

/** Whether this path of a log's is that of an artifact, whose name is the hash of its content. */
export const isArtifact = (path: string): boolean => IN_ARTIFACTS.test(path)

const IN_ARTIFACTS = /\.artifacts\/[0-9a-f]{2}\/[0-9a-f]{64}$/

/** Whether something at `path` would be a part of the log `name`, or a folder of such. */
export const isPlaceOf = (name: string, path: string): boolean =>
  kindOfFile(name, path) !== undefined || FOLDER.test(path)

const FOLDER = /\.(?:agents|artifacts)(?:\/[0-9a-f]{2})?$/

/** Whether an archived segment is there uncompressed too, which then is the one that counts. */
export const plainOf = (path: string): string | undefined =>
  path.endsWith('.jsonl.gz') ? path.slice(0, -3) : undefined

/** The live files of the log `name` in `folder`, its own first, then its child processes'. */
export function liveFiles(folder: string, name: string, withAgents: boolean, onNotOwn: TellNotOwn): string[] {
  return logsOfHive([join(folder, name)], !withAgents, onNotOwn)
    .map((log) => relative(folder, log).replaceAll(sep, '/'))
    .filter((path) => kindOfFile(name, path) === 'live')
}

const escapeGlob = (path: string): string => path.replace(/[\\*?[\]]/g, '\\$&')

/** Pathspecs, for git in the log's folder, of everything of the log but the live files. */
export function settledPathspecs(name: string, withArtifacts: boolean, withAgents: boolean): string[] {
  const digits = '[0-9]'.repeat(12)
  const specs = [`:(glob)${escapeGlob(stemOf(name))}.${digits}*.jsonl*`]
  if (withArtifacts) specs.push(`:(literal)${artifactsFolder(name)}`)
  if (withAgents) specs.push(`:(literal)${agentsFolder(name)}`)
  return specs
}

/** Pathspecs that keep the log's own files, and what belongs to any log's writer and readers, out of `git add`. */
export function excludingPathspecs(name: string, prefix: string): string[] {
  const own = [name, artifactsFolder(name), agentsFolder(name), ...PASSING.map((end) => name + end)]
  const top = escapeGlob(prefix)
  const digits = '[0-9]'.repeat(12)
  return [
    ...own.map((path) => `:(top,exclude,literal)${prefix}${path}`),
    `:(top,exclude,glob)${top}${escapeGlob(name)}.lock.*`,
    `:(top,exclude,glob)${top}${escapeGlob(name)}.lock.*/**`,
    `:(top,exclude,glob)${top}${escapeGlob(stemOf(name))}.${digits}*.jsonl*`,
    ...[...PASSING, '.lock.*']
      .flatMap((end) => [end, `${end}/**`])
      .map((end) => `:(top,exclude,glob)**/*.jsonl${end}`),
  ]
}
