/**
 * Codex CLI and Gemini CLI themselves, with the settings that `hivelog setup` writes, tell a running `hivelog serve` what
 * they do: what the log says is compared with what the model server answered.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelServer } from '../kit/model-server.mjs'
import { comparer, here, row, serving, start } from './kit.mjs'

const USAGE = { input: 900, output: 31, cacheRead: 200, reasoning: 10 }

const AGENTS = [
  {
    agent: 'codex',
    framework: 'Codex CLI',
    package: '@openai/codex',
    args: ['exec', '--skip-git-repo-check', '--sandbox', 'danger-full-access', 'Say honey'],
    turns: [{ tools: [{ name: 'exec_command', args: { cmd: 'echo found' }, id: 'call_1' }], usage: USAGE }],
    tools: [['exec_command', true]],
    prepare(home, model) {
      const file = join(home, '.codex/config.toml')
      const provider = `name = "fake"\nbase_url = "${model.url}/v1"\nenv_key = "OPENAI_API_KEY"\nwire_api = "responses"\n`
      const own = `model = "gpt-5"\nmodel_provider = "fake"\n\n[model_providers.fake]\n${provider}\n`
      writeFileSync(file, own + readFileSync(file, 'utf8'))
      return { env: {} }
    },
  },
  {
    agent: 'gemini',
    framework: 'Gemini CLI',
    package: '@google/gemini-cli',
    args: ['-p', 'Say honey', '-m', 'gemini-2.5-pro', '--approval-mode', 'yolo'],
    turns: [
      { tools: [{ name: 'list_directory', args: { dir_path: '.' }, id: 'c1' }], usage: USAGE },
      { tools: [{ name: 'read_file', args: { file_path: 'no-such-file.txt' }, id: 'c2' }] },
    ],
    tools: [
      ['list_directory', true],
      ['read_file', false],
    ],
    prepare(home) {
      const file = join(home, '.gemini/settings.json')
      const settings = JSON.parse(readFileSync(file, 'utf8'))
      settings.security = { auth: { selectedType: 'gemini-api-key' } }
      writeFileSync(file, JSON.stringify(settings))
      return { env: { GEMINI_CLI_TRUST_WORKSPACE: 'true' } }
    },
  },
]

for (const each of AGENTS) {
  const manifest = JSON.parse(readFileSync(join(here, 'node_modules', each.package, 'package.json'), 'utf8'))
  const fields = { framework: each.framework, version: manifest.version, scenario: 'log events' }
  await row(fields, async (folder, problems) => {
    const model = await ModelServer.start([...each.turns, { text: 'All is done.' }])
    try {
      return await scenario(each, manifest, folder, model, problems)
    } finally {
      await model.close()
    }
  })
}
if (process.send) process.disconnect()

async function scenario(each, manifest, folder, model, problems) {
  const home = join(folder, 'home')
  mkdirSync(join(home, 'work'), { recursive: true })
  const env = { PATH: process.env.PATH, HOME: home }
  const { store, stop } = await serving(folder, each.agent, env)
  const prepared = each.prepare(home, model)
  const program = Object.values(manifest.bin)[0]
  const ran = await start(
    process.execPath,
    [join(here, 'node_modules', each.package, program), ...each.args],
    {
      cwd: join(home, 'work'),
      env: { ...env, ...model.env, ...prepared.env },
    },
  ).ended
  if (ran.code !== 0) problems.push(`it ended with ${ran.code}: ${ran.stderr.slice(-1500)}`)
  if (!ran.stdout.includes('All is done.'))
    problems.push(`it printed ${JSON.stringify(ran.stdout.slice(-500))}`)
  problems.push(...model.problems)
  if (model.left.length > 0) problems.push(`${model.left.length} turns of the model were never asked for`)
  await stop()
  const sessions = readdirSync(store, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  if (sessions.length !== 1) problems.push(`there are ${sessions.length} sessions`)
  const text = readFileSync(join(store, sessions[0].name, 'events.jsonl'), 'utf8')
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (kind) => lines.filter((line) => line.kind === kind)
  const { counts, same } = comparer(problems)
  same(
    'agents',
    of('spawn').map(({ agentId, isGod }) => [agentId, isGod]),
    [[each.agent, true]],
  )
  same(
    'calls',
    of('usage').map((line) => [line.model, line.inputTokens, line.outputTokens, line.cacheReadTokens]),
    model.calls.map((call) => [call.model, call.inputTokens, call.outputTokens, call.cacheReadTokens ?? 0]),
  )
  same(
    'tools',
    of('tool').map(({ name, ok }) => [name, ok]),
    each.tools,
  )
  same('escalations', [...of('escalate'), ...of('approval')], [])
  same(
    'prompts',
    of('user.prompt').map(({ chars }) => chars),
    ['Say honey'.length],
  )
  for (const word of ['Say honey', 'echo found', 'All is done', 'no-such-file'])
    if (text.includes(word)) problems.push(`the log holds: ${word}`)
  return counts
}
