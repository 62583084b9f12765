/** Gemini CLI with a home of its own, told of a server and of a model that are there for the test. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { here, serving } from './kit.mjs'

const PACKAGE = '@google/gemini-cli'
const manifest = JSON.parse(readFileSync(join(here, 'node_modules', PACKAGE, 'package.json'), 'utf8'))

export const version = manifest.version
export const program = join(here, 'node_modules', PACKAGE, Object.values(manifest.bin)[0])

/** A turn of the model that asks for a command. */
export const command = (id, text) => ({
  tools: [{ name: 'run_shell_command', args: { command: text, description: 'x' }, id }],
})

/** @returns the folder it works in, its environment, the server's store, and what stops the server */
export async function home(folder, model) {
  const own = join(folder, 'home')
  const cwd = join(own, 'work')
  mkdirSync(cwd, { recursive: true })
  const env = { PATH: process.env.PATH, HOME: own }
  const { store, stop } = await serving(folder, 'gemini', env)
  const file = join(own, '.gemini/settings.json')
  const settings = JSON.parse(readFileSync(file, 'utf8'))
  settings.security = { auth: { selectedType: 'gemini-api-key' } }
  writeFileSync(file, JSON.stringify(settings))
  return { cwd, env: { ...env, ...model.env, GEMINI_CLI_TRUST_WORKSPACE: 'true' }, store, stop }
}

/** Lines of a session's log. */
export const linesOf = (store, session) =>
  readFileSync(join(store, session, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** Compares agents, tools and decisions; a decision is of the command line's own user, whom it does not name. */
export function compare(lines, same, { tools, said }) {
  const of = (kind) => lines.filter((line) => line.kind === kind)
  same(
    'agents',
    of('spawn').map(({ agentId }) => agentId),
    ['gemini'],
  )
  same(
    'tools',
    of('tool').map(({ name, ok }) => [name, ok]),
    tools.map((ok) => ['run_shell_command', ok]),
  )
  same(
    'escalations',
    of('escalate').map(({ from, to, subject }) => [from, to, subject]),
    said.map(() => ['gemini', 'human', 'run_shell_command']),
  )
  const asked = of('escalate').map(({ id }) => id)
  same(
    'approvals',
    of('approval').map(({ id, approve, via, by }) => [id, approve, via, by]),
    said.map((approve, i) => [asked[i], approve, 'cli', undefined]),
  )
}
