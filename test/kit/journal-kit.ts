/** What the journal's tests share: folders, events, children, and a check of a whole log by the format's description. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, type KeyObject, verify } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { diag } from '@opentelemetry/api'
import { archiveName } from '../../src/format/beside.js'
import { decodeLine } from '../../src/format/decode.js'
import { encodeTail, type Fields } from '../../src/format/encode.js'
import type { CustomEvent } from '../../src/format/kinds.js'
import type { Journal } from '../../src/journal/journal.js'
import { acquireLock } from '../../src/journal/lock.js'

/** A folder that is removed after the test. */
export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Everything the journal tells the diag logger during the test, a string each. */
export function captureDiag(t: TestContext): string[] {
  const told: string[] = []
  const tell = (message: string) => told.push(message)
  diag.setLogger(
    { error: tell, warn: tell, info: tell, debug: tell, verbose: tell },
    { suppressOverrideMessage: true },
  )
  t.after(() => diag.disable())
  return told
}

const TAIL = encodeTail({ session: 's-1' })

/** Appends an event of kind `message`; returns its `seq`, 0 when it is lost. */
export function append(journal: Journal, fields: Fields = {}, now = Date.now()): number {
  return journal.append(now, 'message', fields, TAIL, undefined)
}

/** A filler text that tells which event it belongs to, of a length that varies with it. */
export function padOf(life: number, n: number): string {
  return `${life}/${n};`.repeat((n * 7919 + life * 104_729) % 97)
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `condition` holds; fails after `patienceMs`, which only a broken program needs. */
export async function until(what: string, condition: () => boolean, patienceMs = 20_000): Promise<void> {
  const deadline = Date.now() + patienceMs
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain: ${what}`)
    await pause(2)
  }
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** Names of the files in the log's folder that belong to its lock. */
export function lockFiles(file: string): string[] {
  return readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.lock`))
}

/** The file within the lock of a log, which is open, that names the holder. */
export function lockRecord(file: string): string {
  const names = readdirSync(`${file}.lock`)
  assert.equal(names.length, 1, `one holder: ${names}`)
  return join(`${file}.lock`, String(names[0]))
}

/** The record that this process has in a lock. */
export function ownRecord(file: string): Record<string, string> {
  const lock = acquireLock(file)
  const mine = JSON.parse(readFileSync(lockRecord(file), 'utf8'))
  lock.release()
  return mine
}

/** Puts a lock there as a holder with this record leaves it that touched it last so long ago; returns its file. */
export function putLock(file: string, fields: object, ageMs = 0): string {
  rmSync(`${file}.lock`, { recursive: true, force: true })
  mkdirSync(`${file}.lock`)
  const path = join(`${file}.lock`, '00112233aabbccdd')
  writeFileSync(path, JSON.stringify({ ...fields, nonce: '00112233aabbccdd' }))
  makeOld(path, ageMs)
  return path
}

export function makeOld(path: string, ageMs: number): void {
  const past = new Date(Date.now() - ageMs)
  utimesSync(path, past, past)
}

export interface CheckedLine {
  event: CustomEvent
  text: string
  /** Name of the segment file. */
  segment: string
}

/**
 * Asserts that the log is sound and complete in itself: whole lines, `seq` from 1 without a break, malformed lines
 * only where a `log.torn` accounts for exactly their bytes, every seal true, every segment chained to the one
 * before. Returns its events.
 */
export function checkLog(file: string, publicKey?: KeyObject): CheckedLine[] {
  const lines: CheckedLine[] = []
  let before: { name: string; sha256: string } | undefined
  let seq = 0
  const segments = segmentsOf(file)
  const first = segments[0]?.bytes ?? Buffer.alloc(0)
  const logId = sha256(first.subarray(0, first.indexOf(10))).slice(0, 16)
  segments.forEach(({ name, bytes }, index) => {
    const events = checkSegment(name, bytes, `${archiveName(file, seq + 1)} ${logId}`, publicKey)
    for (const { event } of events) assert.equal(event.seq, ++seq, `${name}: seq is unbroken`)
    const open = events.find(({ event }) => event.kind === 'log.open')?.event
    if (open !== undefined) {
      assert.equal(open.segment, index + 1, `${name}: ordinal of the segment`)
      const prev = open.prev as { file: string; sha256: string } | undefined
      assert.deepEqual(
        prev && { name: prev.file, sha256: prev.sha256 },
        before,
        `${name}: names the segment before`,
      )
    }
    for (const event of events) lines.push(event)
    before = { name, sha256: sha256(bytes) }
  })
  return lines
}

/** The segments of a log, oldest first, uncompressed; each archived one under its uncompressed name. */
export function segmentsOf(file: string): { name: string; bytes: Buffer }[] {
  const folder = dirname(file)
  const prefix = basename(file, '.jsonl')
  const archived = readdirSync(folder)
    .filter((name) => name.startsWith(`${prefix}.`) && /\.\d{12}\.jsonl(\.gz)?$/.test(name))
    .filter((name) => !(name.endsWith('.gz') && existsSync(join(folder, name.slice(0, -3)))))
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name))
      return name.endsWith('.gz') ? { name: name.slice(0, -3), bytes: gunzipSync(bytes) } : { name, bytes }
    })
  return existsSync(file) ? [...archived, { name: basename(file), bytes: readFileSync(file) }] : archived
}

/** @param signedFor what a signature is over beside the hash: the segment's archive name, and the log's id */
function checkSegment(name: string, bytes: Buffer, signedFor: string, publicKey?: KeyObject): CheckedLine[] {
  const lines: CheckedLine[] = []
  let torn = 0
  let end: number
  for (let start = 0; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(10, start)
    assert.notEqual(end, -1, `${name} ends in a newline`)
    const line = bytes.subarray(start, end)
    const decoded = decodeLine(line)
    if (!('event' in decoded)) {
      torn += line.length
      continue
    }
    const event = decoded.event as CustomEvent
    if (event.kind === 'log.torn')
      assert.equal(event.bytes, torn, `${name}: log.torn accounts for what is torn`)
    else assert.equal(torn, 0, `${name}: malformed bytes before offset ${start} are not accounted for`)
    torn = 0
    if (event.kind === 'log.seal') {
      assert.equal(event.bytes, start, `${name}: bytes of the seal`)
      assert.equal(event.sha256, sha256(bytes.subarray(0, start)), `${name}: sha256 of the seal`)
      if (publicKey !== undefined) {
        const signed = Buffer.from(`${event.sha256} ${signedFor}`)
        assert.ok(
          verify(null, signed, publicKey, Buffer.from(String(event.sig), 'base64')),
          `${name}: signature`,
        )
      }
    }
    lines.push({ event, text: line.toString(), segment: name })
  }
  assert.equal(torn, 0, `${name}: malformed bytes at its end are not accounted for`)
  return lines
}

export const ofKind = (lines: CheckedLine[], kind: string): CustomEvent[] =>
  lines.flatMap(({ event }) => (event.kind === kind ? [event] : []))

/** How many events the log says are lost. */
export const lostIn = (lines: CheckedLine[]): number =>
  ofKind(lines, 'log.gap').reduce((sum, gap) => sum + (gap.lost as number), 0)

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Starts a fixture as a process of its own. It is killed after the test should it still run. */
export function startChild(t: TestContext, name: string, args: string[], execArgv: string[] = []): Child {
  const script = fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url))
  const child = new Child(spawn(process.execPath, [...execArgv, script, ...args], { stdio: 'pipe' }))
  t.after(() => child.process.kill('SIGKILL'))
  return child
}

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #watchers = new Set<() => void>()

  constructor(process: ChildProcess) {
    this.process = process
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      for (const watch of this.#watchers) watch()
    })
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      process.on('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
        for (const watch of this.#watchers) watch()
      })
    })
  }

  /** Resolves when the child has said `text`; fails when it ends without. */
  async says(text: string): Promise<void> {
    let over = false
    this.ended.then(() => {
      over = true
    })
    while (!this.stdout.includes(text)) {
      assert.ok(!over, `the child ended without saying "${text}": ${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => {
        const watch = () => {
          this.#watchers.delete(watch)
          resolve()
        }
        this.#watchers.add(watch)
        this.ended.then(watch)
      })
    }
  }
}

/** Random numbers in [0, 1) that a seed repeats. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = Math.imul(state ^ (state >>> 15), state | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}
