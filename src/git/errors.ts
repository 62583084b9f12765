/** Why a log could not be committed, and how git's own words for it are understood. */
import { HivelogError } from '../format/errors.js'
import { clean } from '../text/clean.js'

/**
 * - `no-file`: there is no such log
 * - `no-git`: the git command is not installed
 * - `no-repository`: the log is in no working tree of a git repository
 * - `no-identity`: git does not know whose the commit is
 * - `untrusted`: the repository belongs to another user and is not in git's `safe.directory`
 * - `ignored`: a `.gitignore` names the log
 * - `in-progress`: a rebase, merge, cherry-pick, revert or bisect is under way; nothing is put into the middle of it
 * - `locked`: another git process held a lock for longer than `lockTimeoutMs`
 * - `moved`: others committed again and again for that long
 * - `timeout`: git did not end in time and was killed
 * - `failed`: anything else that git refused
 */
export type CommitErrorCode =
  | 'no-file'
  | 'no-git'
  | 'no-repository'
  | 'no-identity'
  | 'untrusted'
  | 'ignored'
  | 'in-progress'
  | 'locked'
  | 'moved'
  | 'timeout'
  | 'failed'

/** A log could not be committed; the message is one line that says what to do. */
export class CommitError extends HivelogError {
  /** Why, for programs. */
  declare readonly code: CommitErrorCode

  /**
   * @param code why, for programs
   * @param message the same for people; made safe to print
   */
  constructor(code: CommitErrorCode, message: string) {
    super(code, clean(message))
    this.name = 'CommitError'
  }
}

export const NO_GIT = 'the git command is not found; install git, or put it on PATH'

/** The first match decides, so what is more particular comes first. */
const MEANINGS: readonly [RegExp, CommitErrorCode][] = [
  [/detected dubious ownership|unsafe repository/, 'untrusted'],
  [/not a git repository|must be run in a work tree|outside of? (a |the )?repository/i, 'no-repository'],
  [/tell me who you are|auto-detect email|empty ident|no (name|email) was given|ident name/i, 'no-identity'],
  [/but expected|reference already exists|unable to resolve reference/, 'moved'],
  [/\.lock': File exists|cannot lock ref|unable to lock|could not lock/i, 'locked'],
]

/** What a failed git command says, as an error. `folder` is where it ran. */
export function commitError(stderr: string, folder: string): CommitError {
  const code = MEANINGS.find(([words]) => words.test(stderr))?.[1] ?? 'failed'
  switch (code) {
    case 'untrusted':
      return new CommitError(
        code,
        `git does not trust ${folder}, which belongs to another user; if you do: git config --global --add safe.directory '${ownerFolder(stderr) ?? folder}'`,
      )
    case 'no-repository':
      return new CommitError(code, `${folder} is in no working tree of a git repository; run git init there`)
    case 'no-identity':
      return new CommitError(
        code,
        'git does not know who commits; set git config user.name and user.email, or GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL',
      )
    case 'locked': {
      const lock = /'([^'\n]+\.lock)'/.exec(stderr)?.[1]
      return new CommitError(
        code,
        lock === undefined
          ? `git's lock is held: ${plainLine(stderr)}`
          : `another git process holds ${plainLine(lock)}; if none runs, remove that file`,
      )
    }
    default:
      return new CommitError(code, `git: ${plainLine(stderr)}`)
  }
}

/** The repository that git names when it does not trust it. */
function ownerFolder(stderr: string): string | undefined {
  const named = /repository at '([^'\n]+)'/.exec(stderr)?.[1]
  return named === undefined ? undefined : plainLine(named)
}

const NOISE = /^(warning|hint):/
const MAX_LINE = 300

/** The one line that matters, without control characters. */
function plainLine(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const line = lines.find((each) => !NOISE.test(each)) ?? lines[0] ?? 'it failed without a word'
  return clean(line.replace(/^(fatal|error): /, '').slice(0, MAX_LINE))
}
