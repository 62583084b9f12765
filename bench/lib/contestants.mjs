// Everybody who writes events to a file, behind one interface:
//
//   open(file) -> { write(i), turn(), finish(), close() }
//
// `write` records event i. `turn` gives the event loop a turn, and waits for a writer that asks to. After `finish` all
// is in the file, readable by others; nobody is asked to sync it to the disk. `close` is outside the clock.
import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import pino from 'pino'
import SonicBoom from 'sonic-boom'
import { encodeTail } from '../../dist/format/encode.js'
import { Journal } from '../../dist/journal/journal.js'
import { Redactor } from '../../dist/redact/redact.js'
import { Scrubber } from '../../dist/redact/scrub.js'
import { fieldsOf, objectOf, SESSION, SPAN, TRACE, untimedObjectOf } from './event.mjs'

const nothing = () => {}

/** One for all runs, as a program has one: code that is compiled for it would be thrown away with it. */
const scrubber = new Scrubber(new Redactor(), () => {
  throw new Error('no field of the typical event is too big')
})

/** This package's journal: redaction (unless `bare`), encoding, append, as an agent's event has them. */
export function openJournal(file, { bare = false, fsync = 'everysec' } = {}) {
  const journal = new Journal({ file, session: SESSION, fsync })
  const tail = encodeTail({ session: SESSION, trace: TRACE, span: SPAN })
  const append = (i, fields) => journal.append(Date.now(), 'message', fields, tail, i)
  return {
    journal,
    write: bare ? (i) => append(i, fieldsOf(i)) : (i) => append(i, scrubber.known(fieldsOf(i))),
    turn: nextTurn,
    finish: () => journal.write(),
    close: () => journal.close(),
  }
}

export function openAppendFileSync(file) {
  return {
    write: (i) => appendFileSync(file, `${JSON.stringify(objectOf(i))}\n`),
    turn: nextTurn,
    finish: nothing,
    close: nothing,
  }
}

export function openWriteSync(file) {
  const fd = openSync(file, 'a')
  return {
    write: (i) => writeSync(fd, `${JSON.stringify(objectOf(i))}\n`),
    turn: nextTurn,
    finish: nothing,
    close: () => closeSync(fd),
  }
}

/** Encoding alone, as the ceiling. */
export function openNowhere() {
  let length = 0
  return {
    write(i) {
      length += `${JSON.stringify(objectOf(i))}\n`.length
    },
    turn: nextTurn,
    finish: () => length,
    close: nothing,
  }
}

/** @param options of sonic-boom */
export async function openSonicBoom(file, options) {
  const boom = await openBoom(file, options)
  return boomWriter(boom, (i) => boom.write(`${JSON.stringify(objectOf(i))}\n`))
}

/** @param options of sonic-boom, which is what pino writes through */
export async function openPino(file, options) {
  const boom = await openBoom(file, options)
  let hasRoom = true
  const destination = {
    write(line) {
      hasRoom = boom.write(line)
    },
  }
  const logger = pino({ base: null, timestamp: () => `,"ts":${Date.now()}` }, destination)
  return boomWriter(boom, (i) => {
    logger.info(untimedObjectOf(i))
    return hasRoom
  })
}

async function openBoom(file, options) {
  const boom = new SonicBoom({ dest: file, ...options })
  await once(boom, 'ready')
  return boom
}

function boomWriter(boom, write) {
  let hasRoom = true
  let isPending = false
  let drained = nothing
  boom.on('drain', () => {
    isPending = false
    drained()
  })
  const drain = () =>
    new Promise((resolve) => {
      drained = resolve
    })
  return {
    write(i) {
      isPending = true
      hasRoom = write(i)
    },
    turn: () => (hasRoom ? nextTurn() : drain()),
    // With `minLength` 0 `drain` means that all is in the file; its `flush` and `end` would wait for an fsync too.
    finish: () => (isPending ? drain() : undefined),
    async close() {
      const closed = once(boom, 'close')
      boom.end()
      await closed
    },
  }
}
