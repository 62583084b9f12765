/** `hivelog commit` */

import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { type CommitOptions, type CommitReport, commitLog } from '../git/commit.js'
import { CommitError, type CommitErrorCode } from '../git/errors.js'
import { counted, seqRange } from '../git/message.js'
import { clean } from '../text/terminal.js'
import { type Command, oneFile, oneOf, parse, UsageError, wholeNumber } from './args.js'
import { tellNothing } from './hive-args.js'
import { Output, say } from './output.js'

const help = `Usage: hivelog commit [--message M] [--path P]... [--json] [FILE]

Commits a log to the git repository that it lies in: its file up to the end of a
line, archived segments, artifacts, and the logs of its child processes. Works
while the log is written. What you have staged stays staged and is not in the
commit. Hooks do not run, nothing is signed, nothing is pushed.

      --message M     {file} {range} {from} {to} {lines} {files} {session} are
                      filled in; trailers with file, seq and session are added
      --path P        more of the hive's state, relative to the log's folder; a
                      git pathspec; can be given several times
      --segments W    all (default), or archived: only segments that are full
      --no-artifacts  leave out the artifacts
      --wait MS       how long to wait for git's locks (default 10000; at
                      most a day)
      --json          one JSON object: {"file", "commit" (null when there is
                      nothing new), "branch" (null when HEAD is detached),
                      "fromSeq", "toSeq" (null when no line is new), "lines",
                      "files", "notes"}
      --help          this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: committed, or nothing new; 1: could not commit now (a lock is held,
a rebase or merge is under way, git failed), or FILE is empty; 2: bad use, no
git, no repository, no identity, a FILE that is no log, or one that .gitignore
names.

Example: hivelog commit --path state --message 'hive: {range}' hive.jsonl
`

/** What may be otherwise a moment later, or is git's own trouble. */
const NOT_NOW: readonly CommitErrorCode[] = ['in-progress', 'locked', 'moved', 'timeout', 'failed']

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('commit', args, {
      message: { type: 'string', short: 'm' },
      path: { type: 'string', multiple: true },
      segments: { type: 'string', default: 'all' },
      'no-artifacts': { type: 'boolean', default: false },
      wait: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('commit', positionals)
    if (file === '-') throw new UsageError('commit needs a file: standard input lies in no repository')
    const segments = oneOf('--segments', values.segments, ['all', 'archived'])
    if (values.message?.trim() === '') throw new UsageError('--message is empty')
    const options: CommitOptions = {
      segments,
      artifacts: !values['no-artifacts'],
      paths: values.path ?? [],
      ...(values.message !== undefined && { message: values.message }),
      ...(values.wait !== undefined && {
        lockTimeoutMs: wholeNumber('--wait', values.wait, { max: 86_400_000 }),
      }),
    }
    const empty = existsSync(file) ? await tellNothing([file], false, { housekeeping: true }) : undefined
    if (empty !== undefined) return empty
    let report: CommitReport
    try {
      report = await commitLog(file, options)
    } catch (error) {
      if (!(error instanceof CommitError) || !NOT_NOW.includes(error.code)) throw error
      say(`cannot commit ${file} now: ${error.message}`)
      return 1
    }
    const output = new Output()
    if (values.json) await output.json(asJson(report))
    else {
      await output.line(clean(sentence(report)))
      for (const note of report.notes) say(note)
    }
    await output.flush()
    return 0
  },
}

function sentence(report: CommitReport): string {
  const { file, commit, branch, lines, files } = report
  if (commit === undefined) return 'nothing new to commit'
  const where = branch === undefined ? ' on a detached HEAD' : ''
  const what = lines > 0 ? `${seqRange(report)} (${counted(lines, 'line')})` : seqRange(report)
  return `committed ${commit.slice(0, 7)}${where}: ${basename(file)} ${what}, ${counted(files, 'file')}`
}

function asJson({ file, commit, branch, fromSeq, toSeq, lines, files, notes }: CommitReport): object {
  return {
    file,
    commit: commit ?? null,
    branch: branch ?? null,
    fromSeq: fromSeq ?? null,
    toSeq: toSeq ?? null,
    lines,
    files,
    notes,
  }
}
