/** Has a hive's log committed now and then, beside its recording and never in its way. */
import { diag } from '@opentelemetry/api'
import type { CommitOptions, CommitReport, LogCommitter } from '../git/commit.js'
import { CommitError } from '../git/errors.js'
import { timerMs } from '../otel/shutdown.js'

/**
 * When and how a hive's log is committed.
 *
 * Each commit of the live file stores all of it again, compressed, until git packs its objects: 60 commits of a log
 * that grew to 55 MiB took 168 MiB in `.git`, 10 MiB after `git gc`. A small `rotate.maxBytes` (4 MiB: 18 MiB) or
 * `segments: 'archived'` (6 MiB) keeps it low.
 *
 * The log is a file of the working tree: switching to a branch that holds another version of it takes it away from
 * under the hive, which then begins a new segment.
 */
export interface GitOptions extends Omit<CommitOptions, 'signal'> {
  /**
   * Milliseconds between two commits; nothing is committed when nothing is new. `Infinity`: only at `shutdown`.
   * Default 60,000.
   */
  everyMs?: number
  /** Milliseconds that `hive.shutdown()` waits for the last commit, after which git is killed. Default 10,000. */
  shutdownTimeoutMs?: number
}

const EVERY_MS = 60_000
const SHUTDOWN_MS = 10_000
/** How long a git that was killed is waited for. */
const KILLED_MS = 1_000

/** What is committed, and how what must be in it is written first. */
export interface Committed {
  readonly file: string
  forceFlush(): Promise<void>
}

/** Begins to commit `log` as `options` say, if they say so. */
export function scheduleCommits(
  log: Committed | undefined,
  options: GitOptions | undefined,
): GitSchedule | undefined {
  if (typeof options !== 'object' || options === null) return undefined
  if (log !== undefined) return new GitSchedule(log, options)
  diag.warn('hivelog: the option git does nothing in a hive without a file')
  return undefined
}

/**
 * Commits a log every now and then, one commit at a time. What goes wrong is told to the diag logger once, and again
 * only after a commit has succeeded; the next period tries again.
 */
export class GitSchedule {
  #log: Committed
  #shutdownMs: number
  #options: GitOptions
  #committer: LogCommitter | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stop = new AbortController()
  #told = new Set<string>()

  constructor(log: Committed, options: GitOptions) {
    this.#log = log
    this.#shutdownMs = positive(options.shutdownTimeoutMs, SHUTDOWN_MS)
    this.#options = options
    const everyMs = positive(options.everyMs, EVERY_MS)
    // Beyond that only the shutdown commits.
    if (timerMs(everyMs) === everyMs) this.#timer = setInterval(() => this.#tick(), everyMs).unref()
  }

  /** Commits the closed log; resolves when that is done, or when it took too long. Never rejects. */
  async finish(): Promise<void> {
    clearInterval(this.#timer)
    const { file } = this.#log
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      // Holds the process until then: git's own processes do not.
      timer = setTimeout(() => resolve('late'), timerMs(this.#shutdownMs))
    })
    const done = (async () => {
      await this.#running
      if (!this.#stop.signal.aborted) await this.#commit()
    })()
    if ((await Promise.race([done, late])) === 'late') {
      this.#told.add('timeout')
      this.#stop.abort()
      diag.error(
        `hivelog: git did not end within ${this.#shutdownMs} ms; the last lines of ${file} are not committed; run: hivelog commit ${file}`,
      )
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, KILLED_MS).unref())])
    }
    clearTimeout(timer)
  }

  #tick(): void {
    this.#running ??= this.#flushAndCommit().finally(() => {
      this.#running = undefined
    })
  }

  async #flushAndCommit(): Promise<void> {
    // What the disk does not take is told by the journal, and is in the next commit.
    await this.#log.forceFlush().catch(() => {})
    await this.#commit()
  }

  async #commit(): Promise<void> {
    try {
      this.#committer ??= await this.#load()
      this.#succeeded(await this.#committer.commit(this.#stop.signal))
    } catch (error) {
      const { message } = error as Error
      const code = error instanceof CommitError ? error.code : 'failed'
      if (this.#stop.signal.aborted) return
      this.#tellOnce(code, `${this.#log.file} is not committed: ${message}`)
    }
  }

  /** Not before it is needed: most hives commit nothing. */
  async #load(): Promise<LogCommitter> {
    const { LogCommitter } = await import('../git/commit.js')
    return new LogCommitter(this.#log.file, this.#options, true)
  }

  #succeeded({ notes, commit }: CommitReport): void {
    if (commit !== undefined) {
      for (const told of this.#told) if (!told.startsWith('note:')) this.#told.delete(told)
    }
    for (const note of notes) this.#tellOnce(`note:${note}`, note)
  }

  #tellOnce(what: string, line: string): void {
    if (this.#told.has(what)) return
    this.#told.add(what)
    diag.warn(`hivelog: ${line}`)
  }
}

function positive(given: number | undefined, fallback: number): number {
  return typeof given === 'number' && given > 0 ? given : fallback
}
