/**
 * Runs the git command: no shell, no prompt, no pager, words in English, and nothing inherited that points at another
 * repository (a hive that is started from a git hook inherits `GIT_DIR`, for one).
 */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { timerMs } from '../format/options.js'
import { atExit } from './at-exit.js'
import { CommitError, commitError, NO_GIT } from './errors.js'

export interface GitContext {
  /** Folder that git runs in. */
  cwd: string
  /** Milliseconds that one command may take before it is killed. */
  timeoutMs: number
  /** Kills the command that runs, and lets no other begin. */
  signal: AbortSignal | undefined
  /** Whether the process may end while a command runs. */
  background: boolean
}

export interface RunOptions {
  /** What the command reads. Default: nothing. */
  input?: string | Buffer | Readable
  /** An open file for the command to read, in place of `input`. */
  fd?: number
  env?: Record<string, string>
  /** Exit codes that are no failure. Default only 0. */
  ok?: readonly number[]
}

export interface GitResult {
  code: number
  stdout: Buffer
  /** `stdout` as text, without the newline at its end. */
  text: string
}

/** Of the caller's environment, what would have git work on something else, sign another date, or trace to stderr. */
const FOREIGN_ENV =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|INDEX_VERSION|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|QUARANTINE_PATH|GRAFT_FILE|SHALLOW_FILE|IMPLICIT_WORK_TREE|INTERNAL_SUPER_PREFIX|CONFIG|CONFIG_PARAMETERS|AUTHOR_DATE|COMMITTER_DATE|REFLOG_ACTION|DEFAULT_HASH|(LITERAL|GLOB|NOGLOB|ICASE)_PATHSPECS|TRACE.*)$/

const OWN_ENV = {
  LC_ALL: 'C',
  LANGUAGE: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_PAGER: 'cat',
  GIT_EDITOR: ':',
}

/** Between asking a command to end, so that it removes its locks, and forcing it to. */
const KILL_GRACE_MS = 500
const MAX_STDERR = 16 * 1024

export class Git {
  readonly context: GitContext

  constructor(context: GitContext) {
    this.context = context
  }

  /** @throws {CommitError} when git is not there, fails, or does not end in time */
  run(args: readonly string[], options: RunOptions = {}): Promise<GitResult> {
    const { cwd, signal, background } = this.context
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new CommitError('timeout', 'git was stopped before it was done'))
        return
      }
      const child = spawn(
        'git',
        ['-c', 'core.quotePath=false', '-c', 'advice.addIgnoredFile=false', ...args],
        {
          cwd,
          env: environment(options.env),
          stdio: [options.fd ?? (options.input === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
          // In a process group of its own, Ctrl-C does not hit it in mid-write, and all of it can be killed.
          detached: process.platform !== 'win32',
          windowsHide: true,
        },
      )
      if (background) unref(child)
      const limit = new Limit(child, this.context, args)
      const stdout: Buffer[] = []
      let stderr = ''
      child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
      child.stderr?.on('data', (chunk: Buffer) => {
        if (stderr.length < MAX_STDERR) stderr += chunk.toString('utf8')
      })
      limit.onGivenUp(reject)
      child.on('error', (error: NodeJS.ErrnoException) => {
        limit.end()
        reject(
          error.code === 'ENOENT'
            ? new CommitError('no-git', NO_GIT)
            : new CommitError('failed', `git cannot be run: ${error.message}`),
        )
      })
      child.on('close', (code) => {
        limit.end()
        if (limit.error !== undefined) reject(limit.error)
        else if (code !== null && (options.ok ?? [0]).includes(code)) {
          const bytes = Buffer.concat(stdout)
          resolve({ code, stdout: bytes, text: bytes.toString('utf8').replace(/\n$/, '') })
        } else reject(commitError(stderr === '' ? `git ${args[0]} failed (${code})` : stderr, cwd))
      })
      feed(child, options.input)
    })
  }

  /** Waits; an abort ends the wait. */
  pause(ms: number): Promise<void> {
    const { signal, background } = this.context
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, timerMs(ms))
      if (background) timer.unref()
      signal?.addEventListener('abort', done)
    })
  }
}

/** Ends a command that takes too long, or that nobody wants any more. */
class Limit {
  error: CommitError | undefined
  #child: ChildProcess
  #signal: AbortSignal | undefined
  #timer: NodeJS.Timeout
  #force: NodeJS.Timeout | undefined
  #forgetExit: () => void
  #givenUp: (error: CommitError) => void = () => {}
  #onAbort = (): void => this.#stop('it was not awaited any longer')

  constructor(child: ChildProcess, { timeoutMs, signal, background }: GitContext, args: readonly string[]) {
    this.#child = child
    this.#signal = signal
    this.#timer = setTimeout(
      () => this.#stop(`git ${args[0]} took longer than ${timeoutMs} ms`),
      timerMs(timeoutMs),
    )
    if (background) this.#timer.unref()
    signal?.addEventListener('abort', this.#onAbort)
    this.#forgetExit = atExit(() => killGroup(child, 'SIGTERM'))
  }

  /** Has `givenUp` called when even force does not end all of it. */
  onGivenUp(givenUp: (error: CommitError) => void): void {
    this.#givenUp = givenUp
  }

  end(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#force)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#forgetExit()
  }

  #stop(why: string): void {
    if (this.error !== undefined) return
    const error = new CommitError('timeout', `git was stopped: ${why}`)
    this.error = error
    killGroup(this.#child, 'SIGTERM')
    this.#force = setTimeout(() => {
      killGroup(this.#child, 'SIGKILL')
      this.end()
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
      unref(this.#child)
      this.#givenUp(error)
    }, KILL_GRACE_MS)
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch {
    // It has ended meanwhile.
  }
}

function unref(child: ChildProcess): void {
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket | null)?.unref?.()
}

function feed(child: ChildProcess, input: RunOptions['input']): void {
  const { stdin } = child
  if (stdin === null || input === undefined) return
  // A command that ends before it has read everything says why itself.
  stdin.on('error', () => {})
  if (typeof input === 'string' || Buffer.isBuffer(input)) stdin.end(input)
  else pipeline(input, stdin).catch(() => stdin.destroy())
}

function environment(own: Record<string, string> | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN_ENV.test(name))
  return { ...Object.fromEntries(kept), ...OWN_ENV, ...own }
}
