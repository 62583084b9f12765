/** The repository that a log lies in: where, what is checked out, and whether somebody is in the middle of something. */

import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from './at-exit.js'
import { CommitError, commitError } from './errors.js'
import type { Git } from './run.js'

export interface Repository {
  /** This working tree's folder in `.git`. */
  gitDir: string
  /** The log's folder in the working tree: empty, or with a `/` at the end. */
  prefix: string
}

/** @throws {CommitError} when git's folder is in no working tree */
export async function findRepository(git: Git): Promise<Repository> {
  const wanted = ['--is-inside-work-tree', '--absolute-git-dir', '--show-prefix']
  const { text } = await git.run(['rev-parse', ...wanted])
  let answers = text.split('\n')
  if (answers.length > wanted.length) {
    // Names with line ends in them.
    answers = []
    for (const one of wanted) answers.push((await git.run(['rev-parse', one])).text)
  }
  const [isInside, gitDir = '', prefix = ''] = answers
  if (isInside !== 'true') throw commitError('not a git repository', git.context.cwd)
  return { gitDir, prefix }
}

const UNDER_WAY: readonly [string, string][] = [
  ['rebase-merge', 'a rebase'],
  ['rebase-apply', 'a rebase'],
  ['MERGE_HEAD', 'a merge'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick'],
  ['REVERT_HEAD', 'a revert'],
  ['BISECT_LOG', 'a bisect'],
]

/** @throws {CommitError} `in-progress`, when a commit now would land in the middle of somebody's work */
export async function mustBeQuiet({ gitDir }: Repository): Promise<void> {
  for (const [name, what] of UNDER_WAY) {
    const isThere = await stat(join(gitDir, name)).then(
      () => true,
      () => false,
    )
    if (isThere) throw new CommitError('in-progress', `${what} is under way; finish or abort it first`)
  }
}

export interface Head {
  /** `undefined` on a branch that has no commit yet. */
  commit: string | undefined
  /** Name of the branch; `undefined` when HEAD is detached. */
  branch: string | undefined
}

export async function readHead(git: Git): Promise<Head> {
  const commit = await git.run(['rev-parse', '--quiet', '--verify', 'HEAD^{commit}'], { ok: [0, 1] })
  const branch = await git.run(['symbolic-ref', '--quiet', '--short', 'HEAD'], { ok: [0, 1] })
  return { commit: commit.text || undefined, branch: branch.text || undefined }
}

/**
 * Gives `use` the environment of an index that holds what HEAD holds. The user's own index stays as it is; only what
 * it knows of the files' times is taken over, so that unchanged files need not be read.
 */
export async function withIndexOf<T>(
  git: Git,
  { gitDir }: Repository,
  { commit }: Head,
  use: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hivelog-git-'))
  const forget = atExit(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const index = join(folder, 'index')
    const env = { GIT_INDEX_FILE: index }
    if (commit === undefined) await git.run(['read-tree', '--empty'], { env })
    else {
      await copyIndex(join(gitDir, 'index'), index)
      await git.run(['read-tree', '--reset', commit], { env })
    }
    return await use(env)
  } finally {
    forget()
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * The copy is dated back: to git, an entry as young as its index may have changed unseen since, and is looked at
 * again.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  try {
    const { mtime } = await stat(from)
    await copyFile(from, to)
    const before = new Date(mtime.getTime() - 2_000)
    await utimes(to, before, before)
  } catch {
    // Without it all is the same, but slower.
    await rm(to, { force: true })
  }
}
