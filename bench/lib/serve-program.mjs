import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { start } from './programs.mjs'

const MAIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

/** Whole, and behind what Node itself may print. */
const FIRST_LINE = /^\{.*\}(?=\n)/m

/** `hivelog serve` as a process of its own, on a free port, with its address and token. */
export async function startServe(folder, ...more) {
  const store = join(folder, 'store')
  const args = [...more, MAIN, 'serve', '--store', store, '--port', '0', '--json']
  const program = await start('hivelog serve', process.execPath, args, {}, (output) =>
    FIRST_LINE.test(output),
  )
  const { url, port, token } = JSON.parse(FIRST_LINE.exec(program.output())[0])
  return { ...program, url, port, token, store }
}
