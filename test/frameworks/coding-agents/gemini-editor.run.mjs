/**
 * Gemini CLI itself in an editor (ACP: JSON-RPC over its input and output), whose user does not allow a command and then
 * allows one: what the log says is compared with what was answered here.
 */
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ModelServer } from '../kit/model-server.mjs'
import { command, compare, home, linesOf, program, version } from './gemini.mjs'
import { comparer, row, start } from './kit.mjs'

/** What the editor's user answers, in the order of the questions. */
const ANSWERS = ['cancel', 'proceed_once']

await row({ framework: 'Gemini CLI', version, scenario: 'in an editor' }, async (folder, problems) => {
  const model = await ModelServer.start([
    command('c1', 'touch not-this'),
    command('c2', 'touch but-this'),
    { text: 'All is done.' },
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
  const child = start(process.execPath, [program, '--acp', '-m', 'gemini-2.5-pro'], {
    cwd,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const editor = editorOf(child)
  await editor.call('initialize', { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await editor.call('session/new', { cwd, mcpServers: [] })
  const prompt = [{ type: 'text', text: 'Say honey' }]
  const { stopReason } = await editor.call('session/prompt', { sessionId, prompt })
  if (stopReason !== 'end_turn') problems.push(`it stopped by ${stopReason}`)
  child.stdin.end()
  await child.ended
  problems.push(...model.problems)
  const made = readdirSync(cwd)
  if (made.join() !== 'but-this') problems.push(`what ran made: ${made}`)
  if (editor.asked.length !== ANSWERS.length) problems.push(`it asked ${editor.asked.length} times`)
  await stop()
  const { counts, same } = comparer(problems)
  // The program begins a session of its own before the editor does. Of what was allowed it says no word.
  compare(linesOf(store, sessionId), same, { tools: [true], said: [false] })
  return counts
}

/** An editor's end of the protocol. */
function editorOf({ stdin, stdout }) {
  const waiting = new Map()
  const asked = []
  const send = (message) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  createInterface(stdout).on('line', (line) => {
    let message
    try {
      message = JSON.parse(line)
    } catch {
      return
    }
    const { id, method, params, result, error } = message
    if (method === 'session/request_permission') {
      const optionId = ANSWERS[asked.length]
      asked.push(params)
      send({ id, result: { outcome: { outcome: 'selected', optionId } } })
    } else if (method === undefined) {
      if (error === undefined) waiting.get(id)?.resolve(result)
      else waiting.get(id)?.reject(new Error(JSON.stringify(error)))
      waiting.delete(id)
    } else if (id !== undefined) send({ id, error: { code: -32601, message: 'not here' } })
  })
  let last = 0
  return {
    asked,
    call: (method, params) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject })
        send({ id: last, method, params })
      }),
  }
}
