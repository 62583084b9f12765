/**
 * Gemini CLI itself in a terminal (`script` of util-linux makes one), whose user allows a command once, one for always,
 * and one not, by keys: what the log says is compared with the keys, and with what the commands that ran have made.
 */
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { ModelServer } from '../kit/model-server.mjs'
import { command, compare, home, linesOf, program, version } from './gemini.mjs'
import { comparer, row, start } from './kit.mjs'

const [ENTER, DOWN, ESCAPE, INTERRUPT] = ['\r', '\u001b[B', '\u001b', '\u0003']
/** Which commands are asked about, and by which keys each is answered: once, always, no. */
const ANSWERS = [
  ['touch once', [ENTER]],
  ['mkdir always', [DOWN, ENTER]],
  ['touch never', [ESCAPE]],
]
const QUESTION = /Allow once/i
/** Colours, and where the next word stands. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal is told
const ESCAPES = /\u001b\[[0-9;?]*[a-zA-Z]/g
const MAX_MS = 60_000

await row({ framework: 'Gemini CLI', version, scenario: 'in a terminal' }, async (folder, problems) => {
  const model = await ModelServer.start([
    command('c1', 'touch once'),
    command('c2', 'mkdir always'),
    // What is allowed for always is not asked again.
    command('c3', 'mkdir again'),
    command('c4', 'touch never'),
  ])
  try {
    return await scenario(folder, model, problems)
  } finally {
    await model.close()
  }
})
if (process.send) process.disconnect()

async function scenario(folder, model, problems) {
  const { cwd, env, store, stop } = await home(folder, model)
  const line = `stty cols 120 rows 40; exec '${process.execPath}' '${program}' -m gemini-2.5-pro -i 'Say honey'`
  const terminal = start('script', ['-qfec', line, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm-256color' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const made = () => readdirSync(cwd).sort().join()
  let seen = ''
  terminal.stdout.on('data', (data) => {
    seen += data
  })
  const until = async (what, isSo) => {
    for (const end = Date.now() + MAX_MS; Date.now() < end; await pause(50)) if (isSo()) return
    throw new Error(`${what} did not come; the terminal showed ${JSON.stringify(seen.slice(-2_000))}`)
  }
  for (const [asked, keys] of ANSWERS) {
    await until(`the question about ${asked}`, () => {
      const shown = seen.replace(ESCAPES, '')
      const at = shown.indexOf(asked)
      return at !== -1 && QUESTION.test(shown.slice(at))
    })
    // It draws the question first, and listens then.
    await pause(1_000)
    for (const key of keys) {
      terminal.stdin.write(key)
      await pause(300)
    }
  }
  await pause(1_000)
  for (let i = 0; i < 2; i++) {
    terminal.stdin.write(INTERRUPT)
    await pause(300)
  }
  const { code } = await terminal.ended
  if (code !== 0) problems.push(`it ended with ${code}`)
  problems.push(...model.problems)
  if (made() !== 'again,always,once') problems.push(`what ran made: ${made()}`)
  await stop()
  const sessions = readdirSync(store, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const lines = sessions.flatMap(({ name }) => linesOf(store, name))
  const { counts, same } = comparer(problems)
  // "Once" is told by the same word as that nobody was asked, and so counts for nobody's decision.
  compare(lines, same, { tools: [true, true, true], said: [true, false] })
  return counts
}
