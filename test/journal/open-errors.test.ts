/** A disk or a system that refuses something at opening: one kind of error, no lock left, and the next opening is fine. */
import assert from 'node:assert/strict'
import fs, { readdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Journal } from '../../src/journal/journal.js'
import { append, captureDiag, checkLog, tempFolder } from '../kit/journal-kit.js'
import { LogWriter } from '../kit/reader-log.js'

const open = (file: string): Journal => new Journal({ file, session: 's-1', fsync: 'no' })
const CODES = ['EIO', 'EACCES', 'EMFILE', 'ENOSPC', 'EROFS']
/** What opening calls of the file system; writing is the outage's part. */
const CALLS = [
  'openSync',
  'fstatSync',
  'readSync',
  'readdirSync',
  'statSync',
  'lstatSync',
  'realpathSync',
  'mkdirSync',
  'linkSync',
  'writeFileSync',
] as const

/** Makes the `n`th call of a function fail, while `use` runs. Whether it came to that. */
function failing(name: (typeof CALLS)[number], n: number, code: string, use: () => void): boolean {
  const real = fs[name] as (...args: unknown[]) => unknown
  let calls = 0
  const failingCall = (...args: unknown[]): unknown => {
    // What the runtime itself looks up, of the kernel's files, is none of ours.
    if (!String(args[0]).startsWith('/proc') && ++calls === n) {
      throw Object.assign(new Error(`${code}: made to fail, ${name}`), { code, syscall: name })
    }
    return real(...args)
  }
  Object.assign(fs, { [name]: Object.assign(failingCall, real) })
  syncBuiltinESMExports()
  try {
    use()
  } finally {
    Object.assign(fs, { [name]: real })
    syncBuiltinESMExports()
  }
  return calls >= n
}

const LOGS: Record<string, (file: string) => void> = {
  'a new log': () => {},
  'a log to go on with': (file) => {
    new LogWriter(file).messages(3).crash()
  },
  'a log whose live file is gone': (file) => {
    new LogWriter(file).messages(3).rotate()
    fs.rmSync(file)
  },
}

for (const [name, make] of Object.entries(LOGS)) {
  for (const call of CALLS) {
    test(`${name}: ${call} fails at opening`, async (t) => {
      captureDiag(t)
      for (const code of CODES) {
        for (let n = 1; n <= 40; n++) {
          const file = join(tempFolder(t), 'hive.jsonl')
          make(file)
          let journal: Journal | undefined
          const reached = failing(call, n, code, () => {
            try {
              journal = open(file)
            } catch (error) {
              const { name: kind, message } = error as Error
              assert.equal(kind, 'LogOpenError', `${code} at call ${n}: ${kind}: ${message}`)
              assert.match(message, /^[^\n]+$/)
            }
          })
          if (journal !== undefined) {
            append(journal)
            await journal.close()
          }
          const again = open(file)
          append(again)
          await again.close()
          checkLog(file)
          if (!reached) break
        }
      }
    })
  }
}

test('an archived segment that cannot be inflated is a clear error, and no lock is left', (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const whole = gzipSync('{"ts":1,"kind":"x","seq":1}\n'.repeat(1000))
  for (const bytes of [whole.subarray(0, -20), Buffer.from('no gzip at all'), Buffer.alloc(0)]) {
    fs.writeFileSync(join(folder, 'hive.000000000001.jsonl.gz'), bytes)
    assert.throws(() => open(file), {
      name: 'LogOpenError',
      message: /the segment before, cannot be read: [^\n]+; restore it, or move it away$/,
    })
    assert.deepEqual(
      readdirSync(folder).filter((each) => each.includes('.lock')),
      [],
    )
  }
})
