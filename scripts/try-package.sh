#!/usr/bin/env bash
# Packs the package, installs the tarball in empty projects, and uses it as users do: ESM import, CommonJS require,
# the command, the zero-code start, and types under `node16`, `nodenext` and `bundler` resolution.
# Prints one line a check and `try-package: N passed, N failed`. dist/ must be built.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

check() { # NAME COMMAND...
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n%s\n' "$name" "$output"
  fi
}

tarball="$work/$(cd "$root" && npm pack --silent --pack-destination "$work" 2>/dev/null | tail -n 1)"
[ -f "$tarball" ] || { echo "try-package: npm pack made no tarball"; exit 1; }

no_strays() { ! tar -tzf "$tarball" | grep -Ev '^package/(dist/|collector-config/|docs/[a-z-]+\.(md|json)|docker-compose.yml|package.json|README.md|LICENSE|CHANGELOG.md)'; }
check 'the tarball holds only what users need' no_strays
check 'package.json is sound (publint)' npx --prefix "$root" publint run "$tarball" --strict
# CommonJS gets the ES module by require(), which Node 20.19 and newer can.
check 'types resolve (attw)' npx --prefix "$root" attw "$tarball" --profile esm-only --exclude-entrypoints ./package.json

app="$work/app"
mkdir "$app"
cd "$app" || exit 1
npm init -y >/dev/null 2>&1
check 'installs in an empty project' npm install --silent --no-fund --no-audit "$tarball"

cat > use.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { startHive } from 'hivelog'
import { auditTrail, costReport, HivelogError } from 'hivelog/analyse'
import { readLog, verifyLog } from 'hivelog/read'
const hive = startHive({ file: 'esm.jsonl', serviceName: 'try' })
const lead = hive.spawn({ agentId: 'lead', isGod: true })
lead.message({ to: 'human', act: 'inform', subject: 'hello' })
lead.usage({ model: 'claude-sonnet-4-5', inputTokens: 1000, outputTokens: 100 })
lead.end()
await hive.shutdown()
const lines = readFileSync('esm.jsonl', 'utf8').trimEnd().split('\n').map(JSON.parse)
const kinds = lines.map((line) => line.kind).join()
if (kinds !== 'log.open,spawn,message,usage,exit,log.seal') throw new Error(kinds)
if (!(await verifyLog('esm.jsonl')).ok) throw new Error('verify')
const read = []
for await (const item of readLog('esm.jsonl')) read.push(item.event.kind)
if (read.join() !== kinds) throw new Error(read.join())
const { total } = await costReport('esm.jsonl')
if (total.calls !== 1 || total.inputTokens !== 1000) throw new Error(JSON.stringify(total))
if (!(await auditTrail('esm.jsonl')).ok) throw new Error('audit')
const error = await costReport('none.jsonl').catch((reason) => reason)
if (!(error instanceof HivelogError) || error.code !== 'ENOENT') throw new Error(String(error))
JS
check 'ESM import of each door' node use.mjs

cat > use.cjs <<'JS'
const { startHive, HiveSpanProcessor, JsonlSpanExporter, HivelogError } = require('hivelog')
const { readLog, verifyLog } = require('hivelog/read')
const analyse = require('hivelog/analyse')
const hive = startHive({ file: 'cjs.jsonl' })
hive.spawn({ agentId: 'lead' }).end()
if (typeof HiveSpanProcessor !== 'function' || typeof JsonlSpanExporter !== 'function') throw new Error('exports')
if (typeof readLog !== 'function' || typeof analyse.checkLog !== 'function') throw new Error('exports')
if (analyse.HivelogError !== HivelogError) throw new Error('two copies')
hive.shutdown().then(async () => {
  if (!(await verifyLog('cjs.jsonl')).ok) throw new Error('verify')
  if (!require('node:fs').readFileSync('cjs.jsonl', 'utf8').includes('"kind":"exit"')) throw new Error('no exit line')
})
JS
check 'CommonJS require of each door' node --no-warnings use.cjs

echo 'process.exitCode = 3' > app.mjs
register() {
  AGENT_ID=solo HIVELOG_FILE=register.jsonl node --import hivelog/register app.mjs
  [ $? -eq 3 ] && grep -q '"kind":"exit","agentId":"solo","status":"error","error":"exit code 3"' register.jsonl
}
check 'node --import hivelog/register' register
check 'hivelog verify' npx hivelog verify esm.jsonl
check 'hivelog tail' npx hivelog tail -n 2 esm.jsonl
for command in cat state stats audit calls waits check 'replay --speed 0' 'export --format csv' \
  'export --format otlp-json' 'diff esm.jsonl'; do
  # shellcheck disable=SC2086
  check "hivelog $command" npx hivelog $command esm.jsonl
done
# Each command is in a file of its own, and so is what only one of them needs.
commands=$(npx hivelog --help | grep -oE '^  [a-z]+' | sort -u)
each_loads() {
  [ "$(wc -w <<<"$commands")" -gt 20 ] || { echo "only these commands were found: $commands"; return 1; }
  for command in $commands; do npx hivelog "$command" --help >/dev/null || { echo "$command"; return 1; }; done
}
check 'hivelog COMMAND --help, of each command' each_loads
asked='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"verify","arguments":{}}}'
# Whoever closes its input wants no answer any more.
mcp() { (echo "$asked"; sleep 5) | npx hivelog mcp esm.jsonl | grep 'report: ok=true'; }
check 'hivelog mcp' mcp

cat > serve.mjs <<'JS'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
const command = ['node_modules/hivelog/dist/cli/bin.js', 'serve', '--port', '0', '--json', '--store', 'store', 'esm.jsonl']
const server = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const [line] = await once(createInterface(server.stdout), 'line')
  const { url, token } = JSON.parse(line)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const expect = async (path, wanted, body) => {
    const response = await fetch(url + path, body === undefined ? { headers } : { method: 'POST', headers, body })
    const text = await response.text()
    if (!response.ok || !wanted.test(text)) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`)
    return text
  }
  await expect('/', /<!doctype html>/i)
  const { logs } = JSON.parse(await expect('/api/logs', /esm/))
  await expect(`/api/logs/${logs[0].id}/state`, /"lead"/)
  await expect('/v1/ingest', /"accepted":1/, '{"kind":"note","session":"s"}')
  await expect('/mcp', /tools/, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
} finally {
  server.kill()
}
const [code] = await once(server, 'exit')
if (code !== 0) throw new Error(`serve ended with ${code}`)
JS
check 'hivelog serve: page, API, events, MCP' node serve.mjs

priced() { npx hivelog cost esm.jsonl | grep 'computed: .* by @pydantic/genai-prices'; }
check 'hivelog cost, by list prices' priced

cat > use.ts <<'TS'
import { type HiveEvent, HivelogError, isKind, startHive } from 'hivelog'
import { type CostReport, costReport, type HiveState, replay } from 'hivelog/analyse'
import { isMalformed, type LogItem, readLog, type VerifyReport, verifyLog } from 'hivelog/read'
// @ts-expect-error readers are behind a door of their own
import { tailLog } from 'hivelog'
import 'hivelog/register'
const hive = startHive({ file: 'x.jsonl', fsync: 'always', rotate: { maxBytes: 1e6, gzip: true } })
const agent = hive.spawn({ agentId: 'a' })
const durable: Promise<void> = agent.escalate({ subject: 's' }).durable
const subject = (event: HiveEvent): string | undefined => (isKind(event, 'message') ? event.subject : undefined)
// @ts-expect-error a message needs `act` and `subject`
agent.message({ to: 'b' })
async function analyse(): Promise<[CostReport, HiveState, VerifyReport]> {
  for await (const item of readLog('x.jsonl') as AsyncGenerator<LogItem>) {
    // The vocabulary is the same through each door.
    if (!isMalformed(item)) subject(item.event)
  }
  return [await costReport('x.jsonl', { by: 'model' }), await replay('x.jsonl', { at: 1 }), await verifyLog('x.jsonl')]
}
const codeOf = (error: unknown): string | undefined => (error instanceof HivelogError ? error.code : undefined)
export { analyse, codeOf, durable, subject, tailLog }
TS
cp use.ts use.cts
printf '{"type":"module","private":true}' > esm-package.json
npm install --silent --no-fund --no-audit --no-save typescript@5 @types/node@20 >/dev/null 2>&1
types() { # MODULE RESOLUTION FILE
  npx tsc --noEmit --strict --target es2022 --module "$1" --moduleResolution "$2" --types node "$3"
}
cp use.ts use.mts
check 'types under node16' types node16 node16 use.mts
check 'types under nodenext, ESM' types nodenext nodenext use.mts
check 'types under nodenext, CommonJS' types nodenext nodenext use.cts
check 'types under bundler' types esnext bundler use.ts

mkdir "$work/beside"
cd "$work/beside" || exit 1
npm init -y >/dev/null 2>&1
# `npm ls` fails where a peer is missing or is another version than what was asked for.
beside() { # PACKAGE
  local said
  said=$(npm install --no-fund --no-audit "$tarball" "$1" 2>&1) || { echo "$said"; return 1; }
  if grep -iE 'ERESOLVE|peer' <<<"$said"; then return 1; fi
  npm ls --all >/dev/null
}
check 'no peer warnings beside the newest NodeSDK' beside @opentelemetry/sdk-node@latest

echo "try-package: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
