/**
 * Holds a log, or races for one.
 * Arguments: `hold` file | `take` file step | `keep` file | `reopen` file pid | `race` file side-file rounds | `fight` file side-file rounds
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { LogLockedError } from '../../src/journal/errors.js'
import { Journal } from '../../src/journal/journal.js'
import { acquireLock } from '../../src/journal/lock.js'
import { append, pause } from '../kit/journal-kit.js'

const [what, file = '', ...rest] = process.argv.slice(2)
const open = (): Journal => new Journal({ file, session: 's-1', fsync: 'no' })

if (what === 'hold') {
  const journal = open()
  append(journal)
  journal.write()
  writeSync(1, 'held\n')
  setInterval(() => {}, 1_000)
} else if (what === 'keep') {
  // The lock alone; says on each line of its input whether it is still held.
  const lock = acquireLock(file)
  writeSync(1, 'held\n')
  for await (const _ of process.stdin) writeSync(1, lock.isHeld() ? 'mine\n' : 'lost\n')
} else if (what === 'take') {
  // Stops itself at a step of taking the lock, once, until it is continued.
  let isStopped = false
  try {
    acquireLock(file, (step) => {
      if (isStopped || step !== rest[0]) return
      isStopped = true
      writeSync(1, `at ${step}\n`)
      process.kill(process.pid, 'SIGSTOP')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    })
    writeSync(1, 'took it\n')
  } catch (error) {
    writeSync(1, error instanceof LogLockedError ? 'locked out\n' : `${error}\n`)
  }
  setInterval(() => {}, 1_000)
} else if (what === 'reopen') {
  // The holder is killed here, so that the time until the log is open is measured by one clock.
  const start = performance.now()
  process.kill(Number(rest[0]), 'SIGKILL')
  for (;;) {
    try {
      const journal = open()
      writeSync(1, `${performance.now() - start}\n`)
      await journal.close()
      break
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw error
      await pause(1)
    }
  }
} else if (what === 'fight') {
  // Each winner leaves the lock as a dead holder's, for the others to fight for at once.
  const [side = '', rounds = ''] = rest
  const notes = openSync(side, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600)
  writeSync(1, 'ready\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  for (let won = 0; won < Number(rounds); ) {
    try {
      const lock = acquireLock(file)
      const turn = (lock.inherited?.assigned ?? 0) + 1
      writeSync(notes, `${process.pid} enter ${turn}\n`)
      won++
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random())
      writeSync(notes, `${process.pid} exit ${turn}\n`)
      lock.abandon({ assigned: turn, own: [], refused: 0, reason: 'left' })
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw error
    }
  }
  closeSync(notes)
  process.stdin.destroy()
} else {
  const [side = '', rounds = ''] = rest
  const log = openSync(side, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600)
  const note = (word: string): void => {
    writeSync(log, `${process.pid} ${word}\n`)
  }
  writeSync(1, 'ready\n')
  // All start at once, when the starting gun sounds.
  await new Promise((resolve) => process.stdin.once('data', resolve))
  let won = 0
  for (let round = 0; round < Number(rounds); round++) {
    try {
      const journal = open()
      note('enter')
      append(journal, { by: process.pid })
      journal.write()
      won++
      note('exit')
      if (round % 2 === 0) await journal.close()
      else {
        // As a crashed holder leaves it: the others must fight for a stale lock again.
        note('leave')
        process.kill(process.pid, 'SIGKILL')
      }
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw error
      await pause(1 + Math.random() * 3)
    }
  }
  writeSync(1, `won ${won}\n`)
  closeSync(log)
  process.stdin.destroy()
}
