/** What a log's files are to be in a commit, though they may be written, rotated and compressed meanwhile. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TellNotOwn } from '../disk/own-files.js'
import type { Blobs, LogBlob } from './blobs.js'
import { CommitError } from './errors.js'
import { liveFiles } from './log-files.js'
import { firstSeqOf, type LineNumber } from './log-lines.js'
import type { Head, Repository } from './repository.js'
import type { Git } from './run.js'
import { type Entry, filteredAmong, type Scope, type SettledFiles, settledChanges } from './tree.js'

/**
 * @param onNotOwn is told of what is called like a part of the log and is none
 * @throws {CommitError} `moved`, when they were renamed meanwhile
 */
export async function logEntries(
  git: Git,
  { prefix }: Repository,
  { commit }: Head,
  blobs: Blobs,
  scope: Scope,
  env: Record<string, string>,
  onNotOwn: TellNotOwn,
): Promise<{ entries: Entry[]; live: LogBlob | undefined }> {
  const { cwd } = git.context
  const paths = scope.live ? liveFiles(cwd, scope.name, scope.agents, onNotOwn) : []
  const liveFiltered = await filteredAmong(git, paths)
  const live = new Map<string, LogBlob>()
  let settled: SettledFiles
  try {
    for (const path of paths) {
      const blob = await blobs.live(path, liveFiltered.has(path), onNotOwn)
      if (blob !== undefined) live.set(path, blob)
    }
    // What is archived from here on is no part of this commit; what was since the live files were opened is looked
    // for: its lines must be in the commit neither twice nor not at all.
    settled = await settledChanges(git, scope, env, onNotOwn)
    for (const [path, { inode }] of live) {
      const now = await stat(join(cwd, path)).catch(() => undefined)
      if (now?.ino !== inode) throw new CommitError('moved', `${path} was rotated again and again`)
    }
  } finally {
    for (const { handle } of live.values()) await handle.close()
  }
  const filtered = await filteredAmong(git, settled.added)
  const oids = await blobs.settled(settled.added, filtered, onNotOwn).catch(async (error: Error) => {
    for (const path of settled.added) {
      if ((await stat(join(cwd, path)).catch(() => undefined)) === undefined) {
        throw new CommitError('moved', `${path} was compressed or removed meanwhile`)
      }
    }
    throw error
  })
  const entry = (path: string, oid: string, mode = '100644'): Entry => ({
    mode,
    oid,
    path: Buffer.from(prefix + path),
  })
  const entries = [...live].map(([path, { oid }]) => entry(path, oid))
  for (const [path, oid] of oids) entries.push(entry(path, oid))
  const zeros = '0'.repeat(commit?.length ?? 40)
  // A live file that is between two segments right now is not gone.
  const removed = settled.removed.filter((path) => path !== scope.name && !live.has(path))
  for (const path of removed) entries.push(entry(path, zeros, '0'))
  return { entries, live: live.get(scope.name) }
}

/** The last line before the live file. */
export async function lastArchived(git: Git, name: string): Promise<LineNumber | undefined> {
  const first = await firstSeqOf(join(git.context.cwd, name))
  return first > 1 ? { seq: first - 1, session: undefined } : undefined
}
