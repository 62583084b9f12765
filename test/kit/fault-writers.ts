/** Several processes that want to write one log, and what is in it when all have gone. */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeOld, random, readAsStranger } from './fault-oracle.js'

const CHILD = fileURLToPath(new URL('../programs/fault-writer-child.js', import.meta.url))

interface Answer {
  done?: true
  ready?: true
  stops?: true
  keys?: string[]
  error?: string
  code?: string
}

export class Writer {
  readonly name: string
  readonly acknowledged: string[] = []
  stderr = ''
  #child: ChildProcess
  #answers: Answer[] = []
  #wake: (() => void) | undefined

  constructor(file: string, name: string, env: Record<string, string> = {}) {
    this.name = name
    this.#child = fork(CHILD, [file, name], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.#child.on('message', (message) => this.#take(message as Answer))
    this.#child.on('exit', () => this.#take({ error: 'gone', code: 'GONE' }))
  }

  #take(answer: Answer): void {
    this.#answers.push(answer)
    this.#wake?.()
  }

  async answer(): Promise<Answer> {
    while (this.#answers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#answers.shift() as Answer
  }

  async ask(order: object): Promise<Answer> {
    this.#child.send(order, () => {})
    const answer = await this.answer()
    this.acknowledged.push(...(answer.keys ?? []))
    return answer
  }

  open = (): Promise<Answer> => this.ask({ open: true })
  write = (count: number): Promise<Answer> => this.ask({ write: count })
  close = (): Promise<Answer> => this.ask({ close: true })

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGCONT')
    this.#child.kill('SIGKILL')
    await gone
  }
}

export interface WritersReport {
  opened: number
  refused: number
  acknowledged: number
  lines: number
  duplicates: string[]
  missing: string[]
  /** Errors that do not name who holds the log. */
  unclear: string[]
  other: string[]
}

/** What the log, and the logs beside it that a writer without its lock went on with, hold. */
function judge(file: string, writers: readonly Writer[], report: WritersReport): WritersReport {
  const keys = new Set<string>()
  const folder = dirname(file)
  const apart = readdirSync(folder).filter((entry) => /\.apart-[0-9a-f]{8}\.jsonl$/.test(entry))
  for (const path of [file, ...apart.map((entry) => join(folder, entry))]) {
    const log = readAsStranger(path, true)
    report.lines += log.lines.length
    for (const { what, detail } of log.violations) {
      if (what === 'duplicate-seq') report.duplicates.push(detail)
      else report.other.push(`${what}: ${detail}`)
    }
    for (const { event } of log.lines) keys.add(`${event?.kind}:${event?.id}`)
  }
  for (const { acknowledged } of writers) {
    report.acknowledged += acknowledged.length
    report.missing.push(...acknowledged.filter((key) => !keys.has(key)))
  }
  return report
}

function emptyReport(): WritersReport {
  return {
    opened: 0,
    refused: 0,
    acknowledged: 0,
    lines: 0,
    duplicates: [],
    missing: [],
    unclear: [],
    other: [],
  }
}

async function inFolder<T>(run: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hive-writers-'))
  try {
    return await run(join(folder, 'hive.jsonl'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `count` processes want one log at the same moment, `rounds` times; who has it writes, and closes or is killed. */
export function lockRace(count: number, rounds: number, seed: number): Promise<WritersReport> {
  return inFolder(async (file) => {
    const report = emptyReport()
    const all: Writer[] = []
    const next = random(seed)
    let writers: Writer[] = []
    try {
      for (let round = 0; round < rounds; round++) {
        while (writers.length < count) writers.push(new Writer(file, `${round}-${writers.length}`))
        all.push(...writers.filter((writer) => !all.includes(writer)))
        await Promise.all(writers.filter((writer) => !ready.has(writer)).map(readyOf))
        const answers = await Promise.all(writers.map((writer) => writer.open()))
        const holders = writers.filter((_, i) => answers[i]?.done)
        report.opened += holders.length
        if (holders.length === 0) report.other.push(`round ${round}: nobody got the log`)
        if (holders.length > 1) report.other.push(`round ${round}: ${holders.length} have the log`)
        for (const { error, code } of answers) {
          if (error === undefined) continue
          report.refused++
          if (code !== 'ERR_HIVELOG_LOCKED' || !/process \d+/.test(error))
            report.unclear.push(`${code}: ${error}`)
        }
        await Promise.all(holders.map((holder) => holder.write(20)))
        const isKilled = next() < 0.5
        for (const holder of holders) {
          if (isKilled) await holder.end()
          else await holder.close()
        }
        if (isKilled) writers = writers.filter((writer) => !holders.includes(writer))
      }
    } finally {
      await Promise.all(all.map((writer) => writer.end()))
    }
    return judge(file, all, report)
  })
}

const ready = new WeakSet<Writer>()
async function readyOf(writer: Writer): Promise<void> {
  await writer.answer()
  ready.add(writer)
}

async function started(file: string, name: string, env?: Record<string, string>): Promise<Writer> {
  const writer = new Writer(file, name, env)
  await readyOf(writer)
  return writer
}

/** How a holder comes to lose its lock. */
export const LOSSES = {
  /** It stands still for longer than others wait for a sign of life. `waitMs` 0: the lock is made to look that old. */
  'stopped past its heartbeat': async (file: string, waitMs: number, report: WritersReport) => {
    const holder = await started(file, 'a', { FAULT_HOST: 'host-a' })
    const other = await started(file, 'b', { FAULT_HOST: 'host-b' })
    await holder.open()
    await holder.write(20)
    holder.signal('SIGSTOP')
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    else makeOld(`${file}.lock`)
    const opened = await other.open()
    if (!opened.done) report.other.push(`the second may not open: ${opened.error}`)
    await other.write(20)
    holder.signal('SIGCONT')
    // Both at once.
    await Promise.all([holder.write(20), other.write(20)])
    await Promise.all([holder.write(20), other.write(20)])
    await holder.close()
    await other.close()
    return [holder, other]
  },
  /** Its lock is removed, and another takes the log. */
  'its lock is removed': async (file: string, _waitMs: number, report: WritersReport) => {
    const holder = await started(file, 'a')
    const other = await started(file, 'b')
    await holder.open()
    await holder.write(20)
    rmSync(`${file}.lock`, { recursive: true })
    const opened = await other.open()
    if (opened.done) report.opened++
    await Promise.all([holder.write(20), opened.done ? other.write(20) : undefined])
    await Promise.all([holder.write(20), opened.done ? other.write(20) : undefined])
    await holder.close()
    if (opened.done) await other.close()
    return [holder, other]
  },
  /** The log has a second name. */
  'a hard link': async (file: string, _waitMs: number, report: WritersReport) => {
    const link = join(dirname(file), 'linked.jsonl')
    const holder = await started(file, 'a')
    await holder.open()
    await holder.write(20)
    linkSync(file, link)
    const other = await started(link, 'b')
    const opened = await other.open()
    if (opened.done) {
      report.other.push('a second writer has the same file by another name')
      await other.write(20)
    } else if (!opened.code?.startsWith('ERR_HIVELOG')) report.unclear.push(`${opened.code}: ${opened.error}`)
    await holder.write(20)
    await holder.close()
    if (opened.done) await other.close()
    return [holder, other]
  },
} as const
export type LockLoss = keyof typeof LOSSES

/**
 * Somebody takes over from a dead holder, and stops before his `nth` call that is about the lock, for so long that he
 * seems dead; another comes, and then he goes on. Returns `undefined` when he made fewer calls.
 */
export function stopTaking(nth: number): Promise<WritersReport | undefined> {
  return inFolder(async (file) => {
    const report = emptyReport()
    const dead = await started(file, 'dead')
    await dead.open()
    await dead.write(20)
    await dead.end()
    const sleeper = await started(file, 'a', { FAULT_STOP_AT: String(nth) })
    const other = await started(file, 'b')
    const writers = [dead, sleeper, other]
    try {
      const first = await sleeper.open()
      if (!first.stops) return undefined
      const folder = dirname(file)
      for (const name of readdirSync(folder)) if (name.includes('.lock')) makeOld(join(folder, name))
      const opened = await other.open()
      if (opened.done) await other.write(20)
      // It says that it stops just before it does: who is woken too early sleeps on.
      const waking = setInterval(() => sleeper.signal('SIGCONT'), 50)
      const woken = await sleeper.answer().finally(() => clearInterval(waking))
      for (const { error, code } of [opened, woken]) {
        if (error === undefined) report.opened++
        else if (!code?.startsWith('ERR_HIVELOG')) report.unclear.push(`${code}: ${error}`)
      }
      if (report.opened === 0) report.other.push(`nobody has the log: ${opened.error}; ${woken.error}`)
      for (let round = 0; round < 2; round++) {
        await Promise.all([woken.done && sleeper.write(20), opened.done && other.write(20)])
      }
      if (opened.done) await other.close()
      if (woken.done) await sleeper.close()
    } finally {
      await Promise.all(writers.map((writer) => writer.end()))
    }
    return judge(file, writers, report)
  })
}

export function loseLock(how: LockLoss, waitMs = 0): Promise<WritersReport> {
  return inFolder(async (file) => {
    const report = emptyReport()
    const writers = await LOSSES[how](file, waitMs, report)
    await Promise.all(writers.map((writer) => writer.end()))
    if (!existsSync(file)) report.other.push('the log is gone')
    return judge(file, writers, report)
  })
}
