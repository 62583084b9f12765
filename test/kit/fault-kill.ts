/** The kill run: writers that are killed at any moment, one after the other on the same logs. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { verifyLog } from '../../src/read.js'
import {
  litterOf,
  makeOld,
  type OracleLog,
  random,
  readAsStranger,
  refsOf,
  type Violation,
} from './fault-oracle.js'

const CHILD = fileURLToPath(new URL('../programs/fault-kill-child.js', import.meta.url))
/** Kills of one log before it is closed and the next one begins. */
const KILLS_A_LOG = 12

export interface KillReport {
  kills: number
  /** Kills that came before the log was open. */
  early: number
  acknowledged: number
  lines: number
  /** References to artifacts that a kill came before; nobody had acknowledged them. */
  dangling: number
  violations: (Violation & { log: number; kill: number })[]
}

/** @param processes logs that are written, and killed, at the same time */
export async function killRun(kills: number, seed: number, processes = 2): Promise<KillReport> {
  const report: KillReport = { kills: 0, early: 0, acknowledged: 0, lines: 0, dangling: 0, violations: [] }
  let left = kills
  let logs = 0
  const work = async (): Promise<void> => {
    while (left > 0) {
      // Each of them has a log, and the next one its own way to sync.
      const share = Math.min(left, KILLS_A_LOG, Math.ceil(kills / processes))
      left -= share
      const log = ++logs
      await killLog(log, share, random(seed * 7919 + log), report)
    }
  }
  await Promise.all(Array.from({ length: processes }, work))
  return report
}

async function killLog(log: number, kills: number, next: () => number, report: KillReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hive-kills-'))
  const file = join(folder, 'hive.jsonl')
  const acknowledged = new Set<string>()
  const policy = log % 2 === 0 ? 'always' : 'everysec'
  try {
    for (let kill = 1; kill <= kills; kill++) {
      // Some before the log is open, or while it opens; most while it is written, half of them once something is
      // acknowledged, however slow the machine is.
      const isEarly = kill > 1 && next() < 0.3
      const wait = isEarly ? 40 + next() * 140 : 1 + next() * next() * 250
      const from = isEarly ? 'birth' : kill % 2 === 0 ? 'acknowledged' : 'open'
      const said = await live(file, `${log}-${kill}`, policy, wait, from)
      report.kills++
      if (!said.isOpen) report.early++
      for (const key of said.keys) acknowledged.add(key)
      const say = (what: string, detail: string): number =>
        report.violations.push({ what, detail, log, kill })
      if (said.errors !== '') say('said-on-stderr', said.errors)
      if (said.isOpen || kill > 1) check(file, true, acknowledged, report, say)
    }
    const say = (what: string, detail: string): number =>
      report.violations.push({ what, detail, log, kill: 0 })
    // A minute is how long what one left beside the lock may still be another's, who is about to take it.
    for (const name of litterOf(file)) makeOld(join(folder, name))
    const closed = await live(file, `${log}-end`, 'close', 30_000, 'birth')
    if (closed.errors !== '') say('said-on-stderr', closed.errors)
    const before = report.dangling
    const state = check(file, false, acknowledged, report, say)
    // Artifacts that were never acknowledged may be gone with the killed; then the log says so.
    const dangling = report.dangling - before
    report.acknowledged += acknowledged.size
    report.lines += state.lines.length
    const { ok, findings } = await verifyLog(file)
    if (!ok) say('verify-finds', findings.map(({ kind, message }) => `${kind} ${message}`).join('; '))
    if (state.says.lost > 0 && dangling === 0) say('loss-overtold', `${state.says.lost} lost, says log.gap`)
    if (state.says.lost < dangling)
      say('loss-untold', `${dangling} artifacts, log.gap says ${state.says.lost}`)
    const litter = litterOf(file)
    if (litter.length > 0) say('litter', litter.join(' '))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function check(
  file: string,
  wasKilled: boolean,
  acknowledged: ReadonlySet<string>,
  report: KillReport,
  say: (what: string, detail: string) => number,
): OracleLog {
  const log = readAsStranger(file, wasKilled)
  const missing = new Set<string>()
  for (const { what, detail } of log.violations) {
    if (what === 'artifact-missing') missing.add(detail)
    // The killed one may have been in the middle of compressing; the next one clears up.
    else if (what !== 'twin-segment' || !wasKilled) say(what, detail)
  }
  const seen = new Map<string, number>()
  for (const { event } of log.lines) {
    if (event === undefined) continue
    const key = `${event.kind}:${event.kind === 'snapshot' ? event.label : event.id}`
    seen.set(key, (seen.get(key) ?? 0) + 1)
    if (!acknowledged.has(key)) continue
    for (const ref of refsOf(event)) {
      if (missing.delete(ref.slice(0, 8))) say('acknowledged-artifact-missing', key)
    }
  }
  if (!wasKilled) report.dangling += missing.size
  for (const key of acknowledged) {
    if (!seen.has(key)) say('acknowledged-missing', `${key} of ${file}`)
  }
  for (const [key, times] of seen) {
    if (times > 1 && !key.endsWith(':undefined')) say('recorded-twice', key)
  }
  return log
}

interface Said {
  isOpen: boolean
  keys: string[]
  errors: string
}

/** Lets a writer live for `wait` milliseconds from its birth, from when it has the log open, or from its first word. */
async function live(
  file: string,
  name: string,
  policy: string,
  wait: number,
  from: 'birth' | 'open' | 'acknowledged',
): Promise<Said> {
  const child = spawn(process.execPath, [CHILD, file, name, policy], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const said: Said = { isOpen: false, keys: [], errors: '' }
  let timer: NodeJS.Timeout | undefined
  const kill = (): void => {
    timer ??= setTimeout(() => child.kill('SIGKILL'), wait)
  }
  if (from === 'birth') kill()
  child.stderr.on('data', (chunk) => {
    said.errors = (said.errors + chunk).slice(-500)
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  for await (const line of createInterface(child.stdout)) {
    if (line === 'open') {
      said.isOpen = true
      if (from === 'open') kill()
    } else {
      said.keys.push(...line.split(' '))
      if (from === 'acknowledged') kill()
    }
  }
  await ended
  clearTimeout(timer)
  return said
}
