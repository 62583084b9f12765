// node bench/big-log.mjs [--events 10000000] [--waiting] [--dir FOLDER] [--keep]
//
// What a log of gigabytes costs to ask: `hivelog state --at` with its index, `hivelog tail -n 20` beside coreutils'
// `tail`, and the memory of every command that reads all of it. It writes some 3 GB and takes several minutes, so it
// is not part of `npm run bench`. With --waiting nobody drains, so that three fifths of the events are messages that
// wait. Measures dist/; build first.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeHiveLog } from './lib/hive-log.mjs'
import { machine } from './lib/machine.mjs'
import { table } from './lib/report.mjs'
import { median } from './lib/stats.mjs'

const MAIN = fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url))
const LOOP = fileURLToPath(new URL('./lib/parse-all.mjs', import.meta.url))
/** Tells the peak of resident memory, KiB, and the CPU time, microseconds, on the last line of standard error. */
const TOLD =
  'data:text/javascript,process.on("exit",()=>{const{maxRSS,userCPUTime:u,systemCPUTime:s}=process.resourceUsage();process.stderr.write("\\n"+maxRSS+" "+(u+s))})'
const ROUNDS = 9

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000000' },
    waiting: { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    keep: { type: 'boolean', default: false },
  },
})
const events = Number(values.events)
const dir = mkdtempSync(join(values.dir, 'hivelog-big-'))
process.on('exit', () => {
  if (!values.keep) rmSync(dir, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

function run(command, args) {
  const from = performance.now()
  const { status, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0 && status !== 1) throw new Error(`${command} ${args.join(' ')}: ${status} ${stderr}`)
  const ms = performance.now() - from
  const [peak, cpu] = stderr.split('\n').at(-1).split(' ').map(Number)
  return { ms, cpuMs: cpu / 1000, peakMiB: peak / 1024 }
}

const node = (...args) => run(process.execPath, ['--import', TOLD, ...args])
const hivelog = (...args) => node(MAIN, ...args)
const medianMs = (work) => median(Array.from({ length: ROUNDS }, () => work().ms))

const file = join(dir, 'hive.jsonl')
console.error('big-log: writing …')
writeHiveLog(file, events, 200, { drains: !values.waiting })
const { size } = statSync(file)
console.error('big-log: building the index …')
const build = hivelog('state', file)
const parse = node(LOOP, file)
console.error('big-log: asking …')
const start = medianMs(() => run(process.execPath, ['-e', '0']))
const coreutils = medianMs(() => run('tail', ['-n', '20', file]))
const tail = medianMs(() => run(process.execPath, [MAIN, 'tail', '-n', '20', file]))
const places = [0.1, 0.35, 0.6, 0.85, 0.999].map((share) => Math.round(events * share))
// In turns, so that what else the machine does is spread over all of them; by CPU time, which that changes least.
const questions = [['-e', '0'], ...places.map((at) => [MAIN, 'state', '--at', String(at), file])]
const answers = questions.map(() => [])
for (let round = 0; round < ROUNDS; round++)
  for (const [i, args] of questions.entries()) answers[i].push(node(...args))
const [startCpu, ...askedCpu] = answers.map((each) => median(each.map(({ cpuMs }) => cpuMs)))
const asked = places.map((at, i) => [at, median(answers[i + 1].map(({ ms: took }) => took)), askedCpu[i]])
const whole = [
  ['state --no-index', file],
  ['stats', file],
  ['verify', file],
  ['audit', file],
  ['cost', file],
  ['calls', file],
  ['waits', file],
  ['check', file],
  ['replay --speed 0', file],
  ['export --format csv', file],
  ['export --format otlp-json', file],
].map(([command, ...rest]) => {
  console.error(`big-log: ${command} …`)
  return [command, hivelog(...command.split(' '), ...rest)]
})

console.log(`# A big log\n`)
for (const [name, value] of Object.entries(machine(dir))) console.log(`- ${name}: ${value}`)
console.log(`- log: ${events} events, ${(size / 1e9).toFixed(2)} GB, one segment\n`)
const ms = (value) => `${value.toFixed(0)} ms`
console.log(
  table(
    ['asked', 'whole process', 'of CPU', 'target'],
    [
      ["Node's own start", ms(start), ms(startCpu), ''],
      ["coreutils' tail -n 20", ms(coreutils), '', ''],
      ['hivelog tail -n 20', ms(tail), '', `${ms(2 * (coreutils + start))}`],
      ...asked.map(([at, each, cpu]) => [`hivelog state --at ${at}`, ms(each), ms(cpu), '100 ms']),
      ['building the index, once', `${(build.ms / 1000).toFixed(1)} s`, ms(build.cpuMs), ''],
      ['a JSON.parse loop over it', `${(parse.ms / 1000).toFixed(1)} s`, ms(parse.cpuMs), ''],
    ],
  ),
)
console.log('')
console.log(
  table(
    ['all of it', 'seconds', 'peak MiB', 'target'],
    whole.map(([command, { ms: took, peakMiB }]) => [
      `hivelog ${command}`,
      (took / 1000).toFixed(1),
      peakMiB.toFixed(0),
      '300',
    ]),
  ),
)
