/** Which lines of the log a commit adds: from the newest that HEAD holds to the newest on disk. */
import { join } from 'node:path'
import { openFile } from '../disk/open.js'
import { archivedSegments } from '../disk/segments.js'
import type { LogBlob } from './blobs.js'
import { firstSeqOf, lineNumberAt, wholeLinesEnd } from './log-lines.js'
import { FILE_TRAILER, oneLine, SEQ_TRAILER } from './message.js'
import type { Head, Repository } from './repository.js'
import type { Git } from './run.js'

export interface NewLines {
  fromSeq: number
  toSeq: number
}

/**
 * Of the log `name`, whose live file is `live` in the commit to come; `undefined` when no line is new.
 * @param toSeq the newest line that the commit will hold
 * @param env of an index that holds what HEAD holds
 */
export async function newLines(
  git: Git,
  repository: Repository,
  head: Head,
  name: string,
  live: LogBlob | undefined,
  toSeq: number,
  env: Record<string, string>,
): Promise<NewLines | undefined> {
  const before = await committedSeq(git, repository, head, name, live, env)
  if (before === toSeq) return undefined
  if (before !== undefined && before < toSeq) return { fromSeq: before + 1, toSeq }
  // Nothing was committed, or of another log in this one's place.
  const file = join(git.context.cwd, name)
  const oldest = archivedSegments(file)[0]?.firstSeq ?? (await firstSeqOf(file))
  return oldest <= toSeq ? { fromSeq: oldest, toSeq } : undefined
}

async function committedSeq(
  git: Git,
  { prefix }: Repository,
  { commit }: Head,
  name: string,
  live: LogBlob | undefined,
  env: Record<string, string>,
): Promise<number | undefined> {
  if (commit === undefined) return undefined
  const stem = name.replace(/\.jsonl$/, '')
  const held = await git.run(
    ['ls-files', '-z', '-s', '--', `:(literal)${name}`, `${globbed(stem)}.*.jsonl*`],
    {
      env,
    },
  )
  if (held.stdout.length === 0) return undefined
  const path = oneLine(prefix + name)
  const trailer = (key: string): string => `%(trailers:key=${key},valueonly)`
  const { text } = await git.run([
    ...['log', '-1', '--no-show-signature', '--fixed-strings', `--grep=${FILE_TRAILER}: ${path}`],
    ...[`--format=${trailer(FILE_TRAILER)}%x00${trailer(SEQ_TRAILER)}`, commit, '--'],
  ])
  const [file = '', seq = ''] = text.split('\0').map((value) => value.trim())
  if (file === path && /^\d{1,15}$/.test(seq)) return Number(seq)
  // Committed by hand, or squashed: the blob itself is a prefix of the live file.
  const entry = held.stdout
    .toString('utf8')
    .split('\0')
    .find((each) => each.endsWith(`\t${name}`))
  return entry === undefined || live === undefined
    ? undefined
    : seqAt(git, name, entry.split(' ')[1] as string, live)
}

async function seqAt(git: Git, name: string, oid: string, live: LogBlob): Promise<number | undefined> {
  const bytes = Number((await git.run(['cat-file', '-s', oid])).text)
  if (bytes > live.bytes) return undefined
  const handle = await openFile(join(git.context.cwd, name))
  try {
    if ((await wholeLinesEnd(handle, bytes)) !== bytes) return undefined
    return (await lineNumberAt(handle, bytes))?.seq
  } finally {
    await handle.close()
  }
}

const globbed = (stem: string): string => `:(glob)${stem.replace(/[\\*?[\]]/g, '\\$&')}`
