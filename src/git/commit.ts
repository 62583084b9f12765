/**
 * Commits a log to the git repository that it lies in, and nothing else: the commit is made from an index of its own,
 * so what the user has staged stays staged. Each commit holds the log up to the end of a line, byte for byte.
 *
 * Everything that may fail comes before the branch moves, and the branch moves by compare-and-swap, so two who commit
 * at once lose nothing: the second begins anew from what the first made. The user's index is brought up to date
 * before, not after: a process that dies in between leaves the log staged, which does no harm, and never an index
 * that would undo the commit.
 */

import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { tellingOnce } from '../disk/own-files.js'
import { agentsFolder, artifactsFolder } from '../format/beside.js'
import { checkOptions } from '../format/options.js'
import { Backoff } from './backoff.js'
import { Blobs } from './blobs.js'
import { CommitError } from './errors.js'
import { lastArchived, logEntries } from './log-entries.js'
import { type CommitMessage, messageOf, oneLine, withTrailers } from './message.js'
import { COMMIT_RULES } from './options.js'
import {
  findRepository,
  type Head,
  mustBeQuiet,
  type Repository,
  readHead,
  withIndexOf,
} from './repository.js'
import { Git } from './run.js'
import { newLines } from './seqs.js'
import {
  addPaths,
  changesSince,
  type Entry,
  ignoredOf,
  indexInfo,
  lineEndingNote,
  type Scope,
} from './tree.js'

/** What a commit takes in, and what it says. */
export interface CommitOptions {
  /**
   * The commit's message: a text in which `{file}`, `{from}`, `{to}`, `{range}`, `{lines}`, `{files}` and `{session}`
   * are filled in, or a function that makes one. Trailers (`Hivelog-File`, `Hivelog-Seq`, `Hivelog-Session`) are added
   * to it. Default: `hivelog: hive.jsonl seq 1201–1342 (142 lines)`.
   */
  message?: CommitMessage
  /**
   * What else belongs to the hive's state: git pathspecs, relative to the log's folder. All changes there are
   * committed, as by `git add --all`; files that a `.gitignore` names are not. Default: none.
   */
  paths?: readonly string[]
  /** Whether artifacts are committed too. Default true. */
  artifacts?: boolean
  /**
   * `archived` commits only segments that are full. Each commit of a live file stores all of it again until git packs
   * its objects; an archived segment is stored once. Default `all`.
   */
  segments?: 'all' | 'archived'
  /** Milliseconds for which a lock that another git process holds is waited for. Default 10,000. */
  lockTimeoutMs?: number
  /** Milliseconds that one git command may take before it is killed. Default 60,000. */
  timeoutMs?: number
  /** Stops git and the commit. Default: none. */
  signal?: AbortSignal
}

/** Starting a process costs the one that starts it a moment, so a hive asks for this now and then only. */
const COMMITS_A_GC = 20

/** What was committed. */
export interface CommitReport {
  /** Absolute path of the log. */
  file: string
  /** Id of the commit; `undefined` when there was nothing new. */
  commit: string | undefined
  /** The branch that it is on; `undefined` when HEAD is detached. */
  branch: string | undefined
  /** `seq` (in foreign logs the line number) of the first and last line that are new; `undefined` when none is. */
  fromSeq: number | undefined
  /** `seq` of the last line that is new. */
  toSeq: number | undefined
  /** How many lines of the log are new. */
  lines: number
  /** How many files the commit changes. */
  files: number
  /** What else the user should know, a sentence each. */
  notes: string[]
}

/**
 * Commits what is new in a log, whether somebody writes it or not: its live file up to the end of a line, archived
 * segments, artifacts, and the logs of its child processes (`<log>.agents`). Hooks do not run and commits are not
 * signed. Makes no commit when nothing is new.
 *
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {CommitError} with a `code` and one line that says what to do; the repository is then as it was
 */
export async function commitLog(file: string, options: CommitOptions = {}): Promise<CommitReport> {
  checkOptions('commitLog', options, COMMIT_RULES)
  return new LogCommitter(file, options, false).commit(options.signal)
}

/** Commits one log, again and again. One call of `commit` at a time. */
export class LogCommitter {
  #file: string
  #options: CommitOptions
  #background: boolean
  /** The live file as it was last committed. */
  #committed: { inode: number; bytes: number } | undefined
  #commits = 0
  /** What need not be asked of git each time, until something fails. */
  #known: { notes: string[] } | undefined

  /** @param background whether the process may end in the middle */
  constructor(file: string, options: CommitOptions, background: boolean) {
    this.#file = file
    this.#options = options
    this.#background = background
  }

  /** @throws {CommitError} */
  async commit(signal?: AbortSignal): Promise<CommitReport> {
    const file = await pathOf(this.#file)
    const report: CommitReport = {
      file,
      commit: undefined,
      branch: undefined,
      fromSeq: undefined,
      toSeq: undefined,
      lines: 0,
      files: 0,
      notes: [],
    }
    if (await this.#isUnchanged(file)) return report
    const { timeoutMs = 60_000, lockTimeoutMs = 10_000 } = this.#options
    const git = new Git({ cwd: dirname(file), timeoutMs, signal, background: this.#background })
    const repository = await findRepository(git)
    this.#known ??= await whatIsKnown(git, basename(file))
    const backoff = new Backoff(git, lockTimeoutMs)
    const blobs = new Blobs(git)
    for (;;) {
      try {
        await this.#attempt(git, repository, blobs, backoff, report)
        break
      } catch (error) {
        if (!(error instanceof CommitError) || error.code !== 'moved') {
          this.#known = undefined
          throw error
        }
        await backoff.wait(error)
      }
    }
    // As `git commit` does; it goes on in the background where git does that.
    if (report.commit !== undefined && this.#commits++ % COMMITS_A_GC === 0) {
      await git.run(['gc', '--auto', '--quiet']).catch(() => undefined)
    }
    return report
  }

  /** Without a look at git: most often nothing has happened. */
  async #isUnchanged(file: string): Promise<boolean> {
    const { paths = [], segments = 'all' } = this.#options
    if (this.#committed === undefined || paths.length > 0 || segments !== 'all') return false
    const { ino, size } = await stat(file)
    if (ino !== this.#committed.inode || size !== this.#committed.bytes) return false
    return stat(agentsFolder(file)).then(
      () => false,
      () => true,
    )
  }

  async #attempt(
    git: Git,
    repository: Repository,
    blobs: Blobs,
    backoff: Backoff,
    report: CommitReport,
  ): Promise<void> {
    await mustBeQuiet(repository)
    const { message, paths = [], artifacts = true, segments = 'all' } = this.#options
    const name = basename(report.file)
    const ignored = await ignoredOf(git, name)
    const scope: Scope = {
      name,
      live: segments === 'all',
      artifacts: artifacts && !ignored.has(artifactsFolder(name)),
      agents: !ignored.has(agentsFolder(name)),
    }
    const notes = [...ignored].map((path) => `${path} is ignored by a .gitignore, and not committed`)
    notes.push(...(this.#known?.notes ?? []))
    const head = await readHead(git)
    report.branch = head.branch
    await withIndexOf(git, repository, head, async (env) => {
      notes.push(...(await addPaths(git, name, repository, paths, env)))
      const onNotOwn = tellingOnce((line) => notes.push(line))
      const { entries, live } = await logEntries(git, repository, head, blobs, scope, env, onNotOwn)
      const last = scope.live ? live?.last : await lastArchived(git, name)
      const lines = last && (await newLines(git, repository, head, name, live, last.seq, env))
      const input = indexInfo(entries)
      await git.run(['update-index', '-z', '--add', '--replace', '--index-info'], { env, input })
      const { text: tree } = await git.run(['write-tree'], { env })
      const changes = await changesSince(git, head, tree)
      report.notes = notes
      if (changes.length > 0) {
        const count = lines === undefined ? 0 : lines.toSeq - lines.fromSeq + 1
        const batch = {
          file: oneLine(name),
          fromSeq: lines?.fromSeq,
          toSeq: lines?.toSeq,
          lines: count,
          session: last?.session && oneLine(last.session),
          files: changes.length,
        }
        const text = messageOf(message, batch)
        const whole = withTrailers(text, repository.prefix + name, last?.seq, last?.session)
        const commit = await makeCommit(git, head, tree, whole)
        await publish(git, backoff, repository, head, commit, changes, whole)
        Object.assign(report, { commit, ...lines, lines: count, files: changes.length })
      }
      this.#committed = live && { inode: live.inode, bytes: live.bytes }
    })
  }
}

/** @throws {CommitError} when there is no such log, or one that git cannot be told of */
async function pathOf(file: string): Promise<string> {
  let path: string
  try {
    path = await realpath(file)
    if (!(await stat(path)).isFile()) throw new Error('it is no regular file')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CommitError(
      'no-file',
      `cannot commit ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
    )
  }
  return path
}

/** What must be so before anything is stored. @throws {CommitError} when git does not know who commits */
async function whatIsKnown(git: Git, name: string): Promise<{ notes: string[] }> {
  await git.run(['var', 'GIT_AUTHOR_IDENT'])
  await git.run(['var', 'GIT_COMMITTER_IDENT'])
  const note = await lineEndingNote(git, name)
  return { notes: note === undefined ? [] : [note] }
}

async function makeCommit(git: Git, { commit }: Head, tree: string, message: string): Promise<string> {
  const parent = commit === undefined ? [] : ['-p', commit]
  const args = ['-c', 'i18n.commitEncoding=UTF-8', 'commit-tree', tree, ...parent, '-F', '-']
  return (await git.run(args, { input: message })).text
}

/** @throws {CommitError} `moved`, when HEAD is no longer what the commit was made upon */
async function publish(
  git: Git,
  backoff: Backoff,
  repository: Repository,
  head: Head,
  commit: string,
  changes: readonly Entry[],
  message: string,
): Promise<void> {
  const input = indexInfo(changes)
  const stage = ['update-index', '-z', '--add', '--replace', '--index-info']
  await backoff.pastLocks(() => git.run(stage, { input }))
  await mustBeQuiet(repository)
  const subject = message.split('\n', 1)[0] as string
  const before = head.commit ?? '0'.repeat(commit.length)
  const move = ['update-ref', '-m', `commit: ${subject}`, 'HEAD', commit, before]
  await backoff.pastLocks(() => git.run(move))
}
