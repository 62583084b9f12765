/** `hivelog setup`: the settings of coding agents, put beside what people have. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../kit/hive-support.js'
import { type CliResult, hivelog } from '../kit/reader-cli.js'

const TOKEN = 'hl_test0token'

interface Home {
  home: string
  setup(...args: string[]): Promise<CliResult>
  at(...path: string[]): string
  text(...path: string[]): string
}

function home(t: TestContext): Home {
  const folder = tempFolder(t)
  const env = { HOME: folder, CLAUDE_CONFIG_DIR: '', CODEX_HOME: '', AGENT_LOG_TOKEN: '' }
  const at = (...path: string[]) => join(folder, ...path)
  return {
    home: folder,
    at,
    setup: (...args) => hivelog(['setup', ...args], { env }),
    text: (...path) => readFileSync(at(...path), 'utf8'),
  }
}

const modeOf = (path: string): number => statSync(path).mode & 0o777
const copiesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.includes('.bak-'))

test('it shows what to set, and writes nothing', async (t) => {
  const { setup, home: folder } = home(t)
  for (const [agent, file] of [
    ['claude-code', '.claude/settings.json'],
    ['codex', '.codex/config.toml'],
    ['gemini', '.gemini/settings.json'],
  ] as const) {
    const { code, stdout } = await setup(agent)
    assert.equal(code, 0)
    assert.ok(stdout.includes(join(folder, file)))
    assert.ok(stdout.includes('127.0.0.1:4319'))
    assert.ok(stdout.includes('TOKEN'), 'a token is not made up')
    const json = JSON.parse((await setup(agent, '--json', '--token', TOKEN)).stdout)
    assert.equal(json.agent, agent)
    assert.ok(json.files.every(({ written, copy }: never) => written === false && copy === null))
    assert.ok(JSON.stringify(json).includes(TOKEN))
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('Claude Code: env and hooks are put beside those that are there, once, and a copy is kept', async (t) => {
  const { setup, at, text } = home(t)
  mkdirSync(at('.claude'))
  const before = {
    model: 'opus',
    env: { MINE: '1', OTEL_LOGS_EXPORTER: 'console' },
    hooks: {
      PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'check.sh' }] }],
      PreCompact: [{ hooks: [{ type: 'command', command: 'x' }] }],
    },
  }
  writeFileSync(at('.claude/settings.json'), JSON.stringify(before))
  chmodSync(at('.claude/settings.json'), 0o644)
  const { code, stderr } = await setup(
    'claude-code',
    '--token',
    TOKEN,
    '--url',
    'http://127.0.0.1:7/',
    '--write',
  )
  assert.equal(code, 0)
  assert.match(stderr, /was readable by others/)
  assert.equal(modeOf(at('.claude/settings.json')), 0o600)
  const settings = JSON.parse(text('.claude/settings.json'))
  assert.equal(settings.model, 'opus')
  assert.deepEqual(settings.env, {
    MINE: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:7/v1/logs',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: `authorization=Bearer ${TOKEN}`,
  })
  assert.deepEqual(settings.hooks.PreToolUse[0], before.hooks.PreToolUse[0])
  assert.deepEqual(settings.hooks.PreCompact, before.hooks.PreCompact)
  assert.deepEqual(settings.hooks.PermissionRequest, [
    {
      hooks: [
        {
          type: 'http',
          url: 'http://127.0.0.1:7/v1/hooks/claude-code?wait=60',
          headers: { authorization: `Bearer ${TOKEN}` },
          timeout: 65,
        },
      ],
    },
  ])
  const [copy, ...others] = copiesIn(at('.claude'))
  assert.deepEqual(others, [])
  assert.equal(text('.claude', copy as string), JSON.stringify(before))
  assert.equal(modeOf(at('.claude', copy as string)), 0o600)
  // Again with another server and limit: ours are replaced, not added.
  await setup('claude-code', '--token', 'hl_other', '--wait', '5', '--write')
  const again = JSON.parse(text('.claude/settings.json'))
  assert.equal(again.hooks.PreToolUse.length, 2)
  assert.deepEqual(again.hooks.PreToolUse[0], before.hooks.PreToolUse[0])
  assert.ok(!text('.claude/settings.json').includes(TOKEN))
  const third = await setup('claude-code', '--token', 'hl_other', '--wait', '5', '--write')
  assert.match(third.stdout, /says so already/)
})

test('Codex: its table is put at the end, replaced when it is ours, refused when it is theirs', async (t) => {
  const { setup, at, text } = home(t)
  mkdirSync(at('.codex'))
  const before = 'model = "gpt-5"\n\n[mcp_servers.x]\ncommand = "y"'
  writeFileSync(at('.codex/config.toml'), before)
  assert.equal((await setup('codex', '--token', TOKEN, '--write')).code, 0)
  const once = text('.codex/config.toml')
  assert.ok(once.startsWith(`${before}\n\n# hivelog: begin\n[otel]\n`))
  assert.ok(once.includes(`headers = { authorization = "Bearer ${TOKEN}" }`))
  assert.equal((await setup('codex', '--token', 'hl_b', '--write')).code, 0)
  assert.equal(text('.codex/config.toml'), once.replace(TOKEN, 'hl_b'))
  for (const theirs of [
    '[otel]\nexporter = "none"\n',
    '[otel.exporter."otlp-http"]\n',
    'otel = { }\n',
    'otel.x = 1\n',
  ]) {
    writeFileSync(at('.codex/config.toml'), theirs)
    const refused = await setup('codex', '--token', TOKEN, '--write')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^hivelog: [^\n]*\[otel\] table of its own[^\n]*\n$/)
    assert.equal(text('.codex/config.toml'), theirs)
  }
})

test('Gemini: settings and .env, each with what was in it', async (t) => {
  const { setup, at, text } = home(t)
  mkdirSync(at('.gemini'))
  writeFileSync(at('.gemini/settings.json'), '{"theme":"dark","telemetry":{"logPrompts":true,"traces":true}}')
  writeFileSync(at('.gemini/.env'), 'GEMINI_API_KEY=x\nexport OTEL_EXPORTER_OTLP_HEADERS="old"\nA=b')
  assert.equal((await setup('gemini', '--token', TOKEN, '--write')).code, 0)
  assert.deepEqual(JSON.parse(text('.gemini/settings.json')), {
    theme: 'dark',
    telemetry: {
      logPrompts: true,
      traces: true,
      enabled: true,
      target: 'local',
      otlpEndpoint: 'http://127.0.0.1:4319',
      otlpProtocol: 'http',
    },
  })
  assert.equal(
    text('.gemini/.env'),
    `GEMINI_API_KEY=x\nA=b\nOTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20${TOKEN}\n`,
  )
  for (const file of ['settings.json', '.env']) assert.equal(modeOf(at('.gemini', file)), 0o600)
  assert.equal(copiesIn(at('.gemini')).length, 2)
})

test('files that cannot take them stay as they are', async (t) => {
  const { setup, at, text } = home(t)
  mkdirSync(at('.claude'))
  for (const odd of ['// mine\n{}', '[]', '{"hooks":[]}', '{"hooks":{"Stop":7}}', '{"env":"x"}']) {
    writeFileSync(at('.claude/settings.json'), odd)
    const { code, stderr } = await setup('claude-code', '--token', TOKEN, '--write')
    assert.equal(code, 1, odd)
    assert.match(stderr, /^hivelog: [^\n]*is not changed: [^\n]*\n$/)
    assert.equal(text('.claude/settings.json'), odd)
  }
  assert.deepEqual(copiesIn(at('.claude')), [])
})

test('a file that is linked to elsewhere stays linked', async (t) => {
  const { setup, at, text } = home(t)
  mkdirSync(at('.claude'))
  mkdirSync(at('dotfiles'))
  writeFileSync(at('dotfiles/claude.json'), '{"a":1}')
  symlinkSync(at('dotfiles/claude.json'), at('.claude/settings.json'))
  assert.equal((await setup('claude-code', '--token', TOKEN, '--write')).code, 0)
  assert.equal(readlinkSync(at('.claude/settings.json')), at('dotfiles/claude.json'))
  assert.equal(JSON.parse(text('dotfiles/claude.json')).a, 1)
  assert.equal(copiesIn(at('dotfiles')).length, 1)
})

test('writing needs a token; a new folder is for its owner only', async (t) => {
  const { setup, at } = home(t)
  const refused = await setup('claude-code', '--write')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /--token TOKEN, or AGENT_LOG_TOKEN/)
  assert.ok(!existsSync(at('.claude')))
  assert.equal((await setup('claude-code', '--write', '--token', TOKEN)).code, 0)
  assert.equal(modeOf(at('.claude')), 0o700)
  assert.equal((await setup('cursor')).code, 2)
  assert.equal((await setup()).code, 2)
})
