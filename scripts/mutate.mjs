/**
 * Measures what the tests notice: puts one small change at a time into a copy of the compiled sources and runs the
 * test files that run the changed place, until one of them fails. What none notices is listed: either a test is
 * missing, or `scripts/mutate-allowed.json` says why no test can tell.
 *
 *   node scripts/mutate.mjs [ROOM …] [--only PART] [--sample N] [--seed N] [--jobs N] [--minutes N]
 *
 * All it finds is kept in .mutate/, so a run that was ended goes on where it was, and one after a change tries again
 * only what the change concerns: mutants of changed files, and survivors whose tests have changed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { covers, readCoverage } from './lib/coverage.mjs'
import { applied, mutantsOf } from './lib/mutants.mjs'

const HELP = `node scripts/mutate.mjs [ROOM ...]

Rooms: journal, otel, hive, recorder. Default: all.

  --only PART     only files whose path contains PART
  --sample N      at most N mutants a room, chosen by the seed. Default: all
  --seed N        which are chosen. Default 1
  --jobs N        test processes at a time. Default 1
  --minutes N     ends after about so long, with what it has. Default 30
  --tests PART    only test files whose path contains PART; may be given more than once
  --longest N     leaves out test files that take longer than N ms, for a first look
  --confirm       a change counts as noticed when the test fails twice
  --allowed       tries also what mutate-allowed.json accepts
  --no-build      takes .build/ as it is: of scripts/build.mjs --tests --modules
  --fresh         forgets what earlier runs found
  --list          only lists the mutants
  --json          prints the report as JSON
  --least N       percent that must be noticed in each room, else the exit code is 1. Default 90
`

/** By room: the files it has, of those that the rooms above it do not have. */
const ROOMS = {
  recorder: /^(otel\/recorder\.|record\/)/,
  journal: /^journal\//,
  otel: /^otel\//,
  hive: /^hive\//,
}

const root = fileURLToPath(new URL('..', import.meta.url))
const state = join(root, '.mutate')
/** Folders that are removed at the end. */
const placesMade = []
const running = new Set()
const allowedFile = join(root, 'scripts/mutate-allowed.json')

const ARGS = {
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '30' },
    tests: { type: 'string', multiple: true, default: [] },
    longest: { type: 'string', default: 'Infinity' },
    least: { type: 'string', default: '90' },
    confirm: { type: 'boolean', default: false },
    allowed: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
}
const { values: options, positionals } = readArgs()
/** The compiled files as they were at the beginning: somebody may build again meanwhile. */
const base = options.list ? join(root, '.build') : join(state, `base-${process.pid}`)
if (options.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
const sample = options.sample === undefined ? Infinity : count('sample')
const [seed, jobs, minutes, least, longest] = ['seed', 'jobs', 'minutes', 'least', 'longest'].map(count)
for (const room of positionals) {
  if (!(room in ROOMS)) refuse(`there is no room ${room}; the rooms are ${Object.keys(ROOMS).join(', ')}`)
}

/** Set when the time is up: nothing new is begun then. */
const deadline = performance.now() + minutes * 60_000
const isOver = () => performance.now() >= deadline

const allowed = existsSync(allowedFile) ? JSON.parse(readFileSync(allowedFile, 'utf8')) : []
const isAllowed = ({ source, code, from, to }) =>
  allowed.some((each) => each.file === source && each.line === code && each.from === from && each.to === to)

async function main() {
  if (!options['no-build']) await build()
  if (!existsSync(join(root, '.build/src'))) refuse('there is no .build/; leave --no-build out')
  if (options.fresh) rmSync(state, { recursive: true, force: true })
  process.on('exit', cleanUp)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  if (options.list) {
    for (const { mutants } of plan()) for (const mutant of mutants) console.log(nameOf(mutant))
    return
  }
  placesMade.push(base)
  cpSync(join(root, '.build'), base, { recursive: true })
  const rooms = plan()
  const places = Array.from({ length: jobs }, (_, i) => workPlace(i))
  const tests = await measureTests(places)
  const results = readResults()
  await tryAll(rooms, tests, places, results)
  report(rooms, tests, results)
}

/** Leaves only what was found: no copies, and no test that still runs. */
function cleanUp() {
  for (const child of running) killGroup(child)
  for (const folder of placesMade) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

function killGroup(child) {
  try {
    // What it has started too.
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

function readArgs() {
  try {
    return parseArgs(ARGS)
  } catch (error) {
    return refuse(`${error.message.split('. ')[0]}; see --help`)
  }
}

function count(name) {
  const n = Number(options[name])
  if (!(n >= 0)) refuse(`--${name} ${options[name]} is no number`)
  return n
}

function refuse(why) {
  console.error(`mutate: ${why}`)
  process.exit(2)
}

function say(text) {
  if (!options.json) console.log(text)
}

async function build() {
  // A change of a module is seen by the programs that load it, and by none that has a copy of it.
  const args = [join(root, 'scripts/build.mjs'), '--tests', '--modules']
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) process.exit(1)
}

const hashOf = (...texts) => {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text).update('\0')
  return hash.digest('hex').slice(0, 16)
}

/** Compiled files below a folder, by path from there. */
function compiled(folder) {
  const under = join(base, folder)
  return readdirSync(under, { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .map((name) => name.replaceAll('\\', '/'))
    .sort()
}

const textOf = (folder, file) => readFileSync(join(base, folder, file), 'utf8')

/** The mutants of each room that are to be tried, in the order in which they are. */
function plan() {
  const taken = new Set()
  const wanted = positionals.length > 0 ? positionals : Object.keys(ROOMS)
  const files = compiled('src')
  const rooms = []
  for (const [room, pattern] of Object.entries(ROOMS)) {
    const own = files.filter((file) => pattern.test(file) && !taken.has(file))
    for (const file of own) taken.add(file)
    if (!wanted.includes(room)) continue
    const all = own.filter((file) => file.includes(options.only)).flatMap(mutantsIn)
    rooms.push({ room, total: all.length, mutants: shuffled(all).slice(0, sample) })
  }
  if (rooms.every(({ total }) => total === 0)) refuse(`no file of these rooms contains ${options.only}`)
  return rooms
}

function mutantsIn(file) {
  const text = textOf('src', file)
  const map = new SourceMap(JSON.parse(textOf('src', `${file}.map`)))
  const source = readFileSync(join(root, 'src', file.replace(/\.js$/, '.ts')), 'utf8').split('\n')
  const lines = lineStarts(text)
  const hash = hashOf(text)
  return mutantsOf(text).map((mutant) => {
    const row = lines.findLastIndex((start) => start <= mutant.start)
    const { originalLine = 0 } = map.findEntry(row, mutant.start - lines[row])
    return {
      ...mutant,
      file,
      id: hashOf(hash, String(mutant.start), String(mutant.end), mutant.with),
      source: `src/${file.replace(/\.js$/, '.ts')}`,
      line: originalLine + 1,
      code: source[originalLine]?.trim() ?? '',
      from: short(text.slice(mutant.start, mutant.end)),
      to: short(mutant.with),
    }
  })
}

function lineStarts(text) {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function short(code) {
  const line = code.replace(/\s+/g, ' ')
  return line.length <= 70 ? line : `${line.slice(0, 69)}…`
}

const nameOf = ({ source, line, op, from, to }) => `${source}:${line}  ${op}: ${from}  →  ${to}`

/** The same order for the same seed, whatever else there is: each is ordered by its own hash. */
const shuffled = (mutants) =>
  mutants
    .map((mutant) => ({ mutant, key: hashOf(String(seed), mutant.id) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ mutant }) => mutant)

/** A copy of the compiled files, with the rest of the repository beside it. */
function workPlace(i) {
  const folder = join(state, `work-${process.pid}-${i}`)
  mkdirSync(folder)
  for (const name of readdirSync(root)) {
    if (name === '.build') cpSync(base, join(folder, name), { recursive: true })
    else if (name !== '.mutate' && name !== '.git') symlinkSync(join(root, name), join(folder, name))
  }
  placesMade.push(folder)
  // Not in this repository: a test may ask git which one it is in.
  return { folder, temp: join(tmpdir(), `hivelog-mutate-${process.pid}-${i}`) }
}

/**
 * Runs a test file in a work place; its temporary files are gone afterwards.
 * @returns how it ended: `passed`, `failed` or `timeout`
 */
function runTest({ folder, temp }, test, limitMs, env = {}) {
  mkdirSync(temp, { recursive: true })
  const args = ['--test-reporter=tap', join('.build/test', test)]
  // A change may have a test write without an end: no file may grow past 2 GiB. A test that means to lifts the limit.
  const child = spawn('/bin/sh', ['-c', 'ulimit -S -f 4194304; exec "$0" "$@"', process.execPath, ...args], {
    cwd: folder,
    env: { ...process.env, TMPDIR: temp, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  let how
  running.add(child)
  const end = (as) => {
    how ??= as
    killGroup(child)
  }
  const timer = setTimeout(() => end('timeout'), limitMs)
  let line = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (line + text).split('\n')
    line = lines.pop()
    if (env.NODE_V8_COVERAGE === undefined && lines.some((each) => each.startsWith('not ok'))) end('failed')
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      running.delete(child)
      end(code === 0 ? 'passed' : 'failed')
      rmSync(temp, { recursive: true, force: true, maxRetries: 5 })
      resolve(how)
    })
  })
}

/** What each test file runs, and how long it takes, on the sources as they are. */
async function measureTests([place]) {
  const file = join(state, 'tests.json')
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const sources = new Map(compiled('src').map((name) => [name, hashOf(textOf('src', name))]))
  const shared = hashOf(
    ...compiled('test')
      .filter((name) => /^(kit|programs)\//.test(name))
      .map((name) => textOf('test', name)),
  )
  const tests = new Map()
  const todo = compiled('test').filter((name) => name.endsWith('.test.js') && !name.startsWith('backends'))
  const wanted = todo.filter(
    (name) => options.tests.length === 0 || options.tests.some((part) => name.includes(part)),
  )
  for (const test of wanted) {
    const hash = hashOf(textOf('test', test), shared)
    const before = known[test]
    const isSame =
      before?.hash === hash &&
      before.how === 'passed' &&
      Object.entries(before.sources).every(([name, of]) => sources.get(name) === of)
    if (isSame) {
      tests.set(test, before)
      continue
    }
    if (isOver()) refuse('the time is up before all tests were measured; run it again, it goes on from there')
    const folder = `${place.temp}-coverage`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    // For children that gave up their rights too.
    chmodSync(folder, 0o777)
    const start = performance.now()
    let how = await runTest(place, test, 300_000, { NODE_V8_COVERAGE: folder })
    const ms = Math.round(performance.now() - start)
    // One that minds being watched is good for noticing all the same.
    if (how === 'failed') how = await runTest(place, test, 300_000)
    const under = join(place.folder, '.build/src/')
    const ranges = Object.fromEntries(
      [...readCoverage(folder, under)].map(([path, each]) => [
        relative(under, path).replaceAll('\\', '/'),
        each,
      ]),
    )
    const seen = Object.fromEntries(Object.keys(ranges).map((name) => [name, sources.get(name)]))
    rmSync(folder, { recursive: true, force: true })
    tests.set(test, { hash, ms, how, ranges, sources: seen })
    say(`measured ${test}: ${how}, ${ms} ms`)
    known[test] = tests.get(test)
    writeFileSync(file, JSON.stringify(known))
  }
  for (const [test, { how, ms }] of tests) {
    if (how !== 'passed') say(`${test} ${how} without any change, and is left out`)
    if (how !== 'passed' || ms > longest) tests.delete(test)
  }
  return tests
}

/**
 * The test files that run the changed place, the fastest first. Where none does, those that load the file: what a
 * child process ran that was killed is not counted.
 */
function testsOf({ file, start, end }, tests) {
  const loading = [...tests].filter(([, { ranges }]) => ranges[file] !== undefined)
  const running = loading.filter(([, { ranges }]) => covers(ranges[file], start, end))
  const chosen = running.length > 0 ? running : loading
  return {
    isRun: running.length > 0,
    chosen: chosen.sort(([, a], [, b]) => a.ms - b.ms).map(([test, { ms, hash }]) => ({ test, ms, hash })),
  }
}

function readResults() {
  const file = join(state, 'results.jsonl')
  const results = new Map()
  if (!existsSync(file)) return results
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    try {
      const result = JSON.parse(line)
      results.set(result.id, result)
    } catch {
      // A run was killed while it wrote it.
    }
  }
  return results
}

async function tryAll(rooms, tests, places, results) {
  const queue = inTurn(rooms.map(({ mutants }) => mutants)).filter((mutant) => {
    if (isAllowed(mutant) && !options.allowed) return false
    return !isKnown(results.get(mutant.id), mutant, tests)
  })
  if (queue.length > 0) say(`${queue.length} mutants to try`)
  const noticed = new Noticed(results)
  let done = 0
  const work = async (place) => {
    for (let mutant = queue.shift(); mutant !== undefined && !isOver(); mutant = queue.shift()) {
      const result = await tryOne(mutant, testsOf(mutant, tests).chosen, place, noticed)
      if (result === undefined) return
      results.set(mutant.id, result)
      noticed.add(result)
      appendFileSync(join(state, 'results.jsonl'), `${JSON.stringify(result)}\n`)
      done++
      const at = `${done}/${done + queue.length}`
      const by = result.by === undefined ? '' : ` by ${result.by}`
      say(`${at} ${result.how}${by}, ${result.ms} ms: ${nameOf(mutant)}`)
    }
  }
  await Promise.all(places.map(work))
}

/** The test files that noticed changes of a file are likely to notice the next one. */
class Noticed {
  #counts = new Map()

  constructor(results) {
    for (const result of results.values()) this.add(result)
  }

  add({ file, by }) {
    if (by !== undefined) this.#counts.set(`${file} ${by}`, this.#count(file, by) + 1)
  }

  /** Test files, the likeliest by their time first. */
  ordered(file, chosen) {
    const worth = ({ test, ms }) => (1 + this.#count(file, test)) / ms
    return chosen.toSorted((a, b) => worth(b) - worth(a))
  }

  #count(file, test) {
    return this.#counts.get(`${file} ${test}`) ?? 0
  }
}

/** One of each list, then the next of each: a run that ends early has tried some of each room. */
function inTurn(lists) {
  const longest = Math.max(...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat()
}

const fingerprint = (chosen) => hashOf(...chosen.map(({ test, hash }) => `${test} ${hash}`))

/** @returns what happened to a mutant; `undefined` when the time was up before that was known */
async function tryOne(mutant, chosen, place, noticed) {
  const path = join(place.folder, '.build/src', mutant.file)
  const text = textOf('src', mutant.file)
  const start = performance.now()
  const result = (how, by) => ({
    id: mutant.id,
    file: mutant.file,
    how,
    by,
    ms: Math.round(performance.now() - start),
    tests: fingerprint(chosen),
    name: nameOf(mutant),
  })
  writeFileSync(path, applied(text, mutant))
  try {
    for (const { test, ms } of noticed.ordered(mutant.file, chosen)) {
      if (isOver()) return undefined
      const limit = Math.max(15_000, 4 * ms)
      let how = await runTest(place, test, limit)
      if (how === 'failed' && options.confirm) how = await runTest(place, test, limit)
      if (how !== 'passed') return result(how === 'failed' ? 'killed' : 'timeout', test)
    }
    return result('survived')
  } finally {
    writeFileSync(path, text)
  }
}

/** What survived other tests than there are now may be noticed by these. */
const isKnown = (result, mutant, tests) =>
  isNoticed(result) || (result !== undefined && result.tests === fingerprint(testsOf(mutant, tests).chosen))

const isNoticed = (result) => result?.how === 'killed' || result?.how === 'timeout'

function report(rooms, tests, results) {
  const rows = rooms.map(({ room, total, mutants }) => {
    const tried = mutants.filter((mutant) => isKnown(results.get(mutant.id), mutant, tests))
    const of = (how) => tried.filter(({ id }) => results.get(id).how === how)
    const open = of('survived').filter((mutant) => !isAllowed(mutant))
    const accepted = mutants.filter(
      (mutant) => isAllowed(mutant) && !isNoticed(results.get(mutant.id)),
    ).length
    const [killed, timeout] = [of('killed').length, of('timeout').length]
    const counted = killed + timeout + open.length
    const noticed = counted === 0 ? 100 : (100 * (killed + timeout)) / counted
    const survivors = open.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    return {
      room,
      mutants: total,
      tried: tried.length,
      killed,
      timeout,
      survived: open.length,
      accepted,
      noticed,
      survivors,
    }
  })
  if (options.json) {
    console.log(
      JSON.stringify(
        rows.map((row) => ({ ...row, survivors: row.survivors.map(entry) })),
        null,
        2,
      ),
    )
  } else {
    for (const { room, survivors } of rows) {
      if (survivors.length === 0) continue
      console.log(`\n${room}: noticed by no test`)
      for (const mutant of survivors) {
        const note = testsOf(mutant, tests).isRun ? '' : '  (no test runs it)'
        console.log(`  ${nameOf(mutant)}${note}`)
      }
    }
    console.log('\nroom      mutants   tried  killed timeout survived accepted  noticed')
    for (const row of rows) {
      const { room, mutants, tried, killed, timeout, survived, accepted, noticed } = row
      const numbers = [mutants, tried, killed, timeout, survived, accepted]
        .map((n) => String(n).padStart(8))
        .join('')
      console.log(`${room.padEnd(9)}${numbers}${`${noticed.toFixed(1)} %`.padStart(10)}`)
    }
  }
  process.exitCode = rows.every(({ noticed }) => noticed >= least) ? 0 : 1
}

/** A survivor as `mutate-allowed.json` names it, for whoever adds the reason. */
const entry = ({ source, code, from, to, line }) => ({ file: source, at: line, line: code, from, to })

await main()
