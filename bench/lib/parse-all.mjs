// Every line of a file through JSON.parse, read in blocks as big as the readers': what a script of ten lines does.
// `node bench/lib/parse-all.mjs FILE` does it as a process of its own.
import { closeSync, openSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const block = Buffer.allocUnsafe(256 * 1024)

/** Returns how many of the lines have a `kind`. */
export function parseAll(file) {
  const fd = openSync(file, 'r')
  let rest = ''
  let lines = 0
  for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
    const text = (rest + block.toString('utf8', 0, got)).split('\n')
    rest = text.pop()
    for (const line of text) if (JSON.parse(line).kind !== undefined) lines++
  }
  closeSync(fd)
  return lines
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(parseAll(process.argv[2]))
