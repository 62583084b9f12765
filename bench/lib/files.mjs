import { closeSync, openSync, readSync, rmSync } from 'node:fs'

const block = Buffer.allocUnsafe(1024 * 1024)

export function countLines(file) {
  const fd = openSync(file, 'r')
  let lines = 0
  for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
    for (let at = block.indexOf(10); at !== -1 && at < got; at = block.indexOf(10, at + 1)) lines++
  }
  closeSync(fd)
  return lines
}

/** Removes a log and what is beside it. */
export function removeLog(file) {
  for (const path of [file, `${file}.lock`, `${file}.artifacts`])
    rmSync(path, { recursive: true, force: true })
}
