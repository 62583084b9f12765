/**
 * Which files make up a log: its live file, its archived segments, its artifacts, and the logs of child processes in
 * `<log>.agents` with theirs. Locks, drafts, cursors and side indexes are nobody's history. Paths here are relative
 * to the log's folder, with `/`.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArchiveName } from '../disk/segments.js'

export type LogFileKind = 'live' | 'archived' | 'artifact'

const ARTIFACT = /^[0-9a-f]{2}\/[0-9a-f]{64}$/

/** What `path` is to the log `name`; `undefined` for what is not its history. */
export function kindOfFile(name: string, path: string): LogFileKind | undefined {
  let log = name
  let rest = path
  for (;;) {
    if (rest === log) return 'live'
    const stem = log.replace(/\.jsonl$/, '')
    if (parseArchiveName(rest)?.stem === stem && !rest.includes('/')) return 'archived'
    if (rest.startsWith(`${log}.artifacts/`)) {
      return ARTIFACT.test(rest.slice(log.length + 11)) ? 'artifact' : undefined
    }
    if (!rest.startsWith(`${log}.agents/`)) return undefined
    rest = rest.slice(log.length + 8)
    const end = rest.indexOf('/')
    const first = end === -1 ? rest : rest.slice(0, end)
    const child = /^(.*?\.jsonl)(\.artifacts|\.agents)?(\.gz)?$/s.exec(first)?.[1]
    if (child === undefined) return undefined
    if (end === -1)
      return parseArchiveName(first) !== undefined ? 'archived' : first === child ? 'live' : undefined
    log = child
  }
}

/** Whether an archived segment is there uncompressed too, which then is the one that counts. */
export const plainOf = (path: string): string | undefined =>
  path.endsWith('.jsonl.gz') ? path.slice(0, -3) : undefined

/** The live files of the log `name` in `folder`, its own first, then its child processes'. */
export async function liveFiles(folder: string, name: string, withAgents: boolean): Promise<string[]> {
  const found = [name]
  const open = withAgents ? [name] : []
  for (let log = open.pop(); log !== undefined; log = open.pop()) {
    for (const child of await logsIn(join(folder, `${log}.agents`))) {
      const path = `${log}.agents/${child}`
      found.push(path)
      open.push(path)
    }
  }
  return found
}

/** Live logs in the folder of child processes' logs, also of those that have only an `.agents` folder by now. */
async function logsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[])
  const logs = new Set<string>()
  for (const name of names) {
    const log = /^(.*\.jsonl)(?:\.agents)?$/s.exec(name)?.[1]
    if (log !== undefined && parseArchiveName(log) === undefined) logs.add(log)
  }
  return [...logs].sort()
}

const escapeGlob = (path: string): string => path.replace(/[\\*?[\]]/g, '\\$&')

/** Pathspecs, for git in the log's folder, of everything of the log but the live files. */
export function settledPathspecs(name: string, withArtifacts: boolean, withAgents: boolean): string[] {
  const digits = '[0-9]'.repeat(12)
  const specs = [`:(glob)${escapeGlob(name.replace(/\.jsonl$/, ''))}.${digits}*.jsonl*`]
  if (withArtifacts) specs.push(`:(literal)${name}.artifacts`)
  if (withAgents) specs.push(`:(literal)${name}.agents`)
  return specs
}

/** Pathspecs that keep the log's own files, and what belongs to any log's writer and readers, out of `git add`. */
export function excludingPathspecs(name: string, prefix: string): string[] {
  const own = [
    name,
    `${name}.lock`,
    `${name}.artifacts`,
    `${name}.agents`,
    `${name}.cursors`,
    `${name}.index`,
  ]
  const top = escapeGlob(prefix)
  const digits = '[0-9]'.repeat(12)
  return [
    ...own.map((path) => `:(top,exclude,literal)${prefix}${path}`),
    `:(top,exclude,glob)${top}${escapeGlob(name)}.lock.*`,
    `:(top,exclude,glob)${top}${escapeGlob(name)}.lock.*/**`,
    `:(top,exclude,glob)${top}${escapeGlob(name.replace(/\.jsonl$/, ''))}.${digits}*.jsonl*`,
    ...['lock', 'lock.*', 'cursors', 'index', 'lock/**', 'lock.*/**', 'cursors/**', 'index/**'].map(
      (end) => `:(top,exclude,glob)**/*.jsonl.${end}`,
    ),
  ]
}
