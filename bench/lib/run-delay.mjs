import { openSync, readSync } from 'node:fs'

const buffer = Buffer.alloc(128)

/**
 * A function that tells how many milliseconds this thread has waited for a processor so far, because others had them
 * all; `undefined` where the system does not tell (it is Linux's `/proc/thread-self/schedstat`, second number).
 */
export function runDelay() {
  let fd
  try {
    fd = openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    return undefined
  }
  return () => {
    const length = readSync(fd, buffer, 0, buffer.length, 0)
    return Number(buffer.latin1Slice(0, length).split(' ')[1]) / 1e6
  }
}
