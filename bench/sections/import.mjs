// I. What importing a door costs a process, above node alone: whole processes, one after the other. With
// HIVELOG_BENCH_AGAINST=FOLDER the dist/ of another build takes part too.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { inRounds, median } from '../lib/stats.mjs'

const run = promisify(execFile)
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
/** Says at the exit what the process took, in milliseconds of CPU. */
const TELL = `process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(String((user + system) / 1000))
});`

/** What a program of each build does; `door` is a function from the name of a file in dist/ to its URL. */
function programsOf(door, file) {
  const start = `const { startHive } = await import(${door('index')}); const hive = startHive({ file: ${JSON.stringify(file)}, otlp: false })`
  return {
    "import 'hivelog'": `await import(${door('index')})`,
    'and startHive() with a file, spawn, shutdown': `${start}; hive.spawn({ agentId: 'a' }).end(); await hive.shutdown()`,
    'and HiveSpanProcessor on a JsonlSpanExporter': `const { HiveSpanProcessor, JsonlSpanExporter } = await import(${door('index')}); await new HiveSpanProcessor({ exporter: new JsonlSpanExporter({ file: ${JSON.stringify(file)} }) }).shutdown()`,
    "import 'hivelog/read'": `await import(${door('read')})`,
    "import 'hivelog/analyse'": `await import(${door('analyse')})`,
  }
}

const doorsOf = (dist) => (name) => JSON.stringify(pathToFileURL(join(dist, `${name}.js`)).href)

export default async function imports({ dir, quick }) {
  const rounds = quick ? 9 : 15
  const against = process.env.HIVELOG_BENCH_AGAINST
  const contestants = [
    { name: 'node alone', code: '' },
    { name: '@opentelemetry/api', code: "await import('@opentelemetry/api')" },
    { name: '@opentelemetry/sdk-trace-base', code: "await import('@opentelemetry/sdk-trace-base')" },
  ]
  const ours = programsOf(doorsOf(DIST), join(dir, 'import.jsonl'))
  for (const [name, code] of Object.entries(ours)) contestants.push({ name, code })
  if (against !== undefined) {
    const others = Object.entries(programsOf(doorsOf(against), join(dir, 'against.jsonl')))
    // A build from before there were doors for reading.
    for (const [name, code] of others.slice(0, 3))
      contestants.push({ name: `${name}, the other build`, code })
  }
  const register = contestants.length
  contestants.push({
    name: '--import hivelog/register',
    code: '',
    args: ['--import', new URL('register.js', pathToFileURL(DIST)).href],
  })
  const costs = await inRounds(contestants, rounds, async ({ code, args = [] }) => {
    const began = performance.now()
    const { stdout } = await run(process.execPath, [...args, '--input-type=module', '-e', TELL + code], {
      cwd: DIST,
      env: { ...process.env, HIVELOG_FILE: join(dir, 'register.jsonl') },
    })
    return { cpu: Number(stdout), wall: performance.now() - began }
  })
  const [alone, , sdk] = contestants
  /** Median of what a contestant takes above node alone, round by round. */
  const above = (who, what) =>
    median(costs.get(who).map((each, round) => each[what] - costs.get(alone)[round][what]))
  const door = contestants[3]
  const targets = [
    {
      what: "import 'hivelog' / import '@opentelemetry/sdk-trace-base', CPU",
      atMost: 1.5,
      measured: above(door, 'cpu') / above(sdk, 'cpu'),
    },
  ]
  targets.push({
    what: '--import hivelog/register, above node alone, ms',
    atMost: 60,
    measured: above(contestants[register], 'wall'),
  })
  if (against !== undefined) {
    const before = contestants[3 + Object.keys(ours).length]
    targets.push({
      what: "import 'hivelog' / the other build's, CPU",
      atMost: 0.34,
      measured: above(door, 'cpu') / above(before, 'cpu'),
    })
  }
  return {
    title: 'I. What an import costs a process',
    note: `${rounds} rounds of whole processes, each above node alone (${median(costs.get(alone).map(({ wall }) => wall)).toFixed(0)} ms).`,
    columns: ['ms above node alone', 'CPU', 'elapsed'],
    rows: contestants
      .slice(1)
      .map((each) => [each.name, above(each, 'cpu').toFixed(0), above(each, 'wall').toFixed(0)]),
    targets,
  }
}
