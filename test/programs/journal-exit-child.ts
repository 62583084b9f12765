/**
 * Records 1,000 events and ends in the same turn, in the way that is asked for.
 * Arguments: file (`-` for no journal at all: the control), way, fsync policy.
 */
import { onExit } from 'signal-exit'
import { Journal } from '../../src/journal/journal.js'
import { append } from '../kit/journal-kit.js'

const [file = '-', way = '', fsync = 'everysec'] = process.argv.slice(2)
let journal: Journal | undefined

const record = (name: string): void => {
  if (journal !== undefined) append(journal, { name })
}
const thousand = (): void => {
  for (let n = 0; n < 1_000; n++) record(`event ${n}`)
  journal?.artifacts.put('an artifact that nobody waits for')
}
/** Nothing but the signal ends the process. */
const stay = (): void => {
  setInterval(() => {}, 1_000)
}

if (way === 'exit handler before') process.on('exit', () => record('from the handler'))
if (file !== '-') journal = new Journal({ file, session: 's-1', fsync: fsync as 'everysec' })

const ways: Record<string, () => void> = {
  exit: () => process.exit(3),
  SIGINT: () => process.kill(process.pid, 'SIGINT') && stay(),
  SIGTERM: () => process.kill(process.pid, 'SIGTERM') && stay(),
  SIGHUP: () => process.kill(process.pid, 'SIGHUP') && stay(),
  exception: () => {
    throw new Error('nobody catches this')
  },
  'exception later': () => {
    setImmediate(() => {
      thousand()
      throw new Error('nobody catches this')
    })
  },
  rejection: () => {
    Promise.reject(new Error('nobody catches this'))
  },
  end: () => {},
  'end with exitCode': () => {
    process.exitCode = 4
  },
  'exit handler before': () => process.exit(),
  'exit handler after': () => {
    process.on('exit', (code) => {
      record(`exit ${code}`)
      process.exitCode = 6
    })
  },
  'another library at the exit': () => {
    onExit(() => record('from another library'))
    process.kill(process.pid, 'SIGTERM')
    stay()
  },
  'own SIGINT handler exits': () => {
    process.on('SIGINT', () => {
      record('interrupted')
      process.exit(7)
    })
    process.kill(process.pid, 'SIGINT')
    stay()
  },
  'own SIGINT handler goes on': () => {
    process.once('SIGINT', () => {
      thousand()
      process.exitCode = 8
      clearInterval(timer)
    })
    const timer = setInterval(() => {}, 1_000)
    process.kill(process.pid, 'SIGINT')
  },
  'exit while it closes': () => {
    journal?.close()
    record('while it closes')
    process.exit(9)
  },
  'two journals': () => {
    if (file !== '-')
      append(new Journal({ file: `${file}.second.jsonl`, session: 's-1' }), { name: 'second' })
    process.exit(10)
  },
  'lock not readable any more': () => {
    process.setegid?.(65_534)
    process.seteuid?.(65_534)
    process.exitCode = 11
  },
}

thousand()
ways[way]?.()
