/**
 * What a framework's `*.run.mjs` calls:
 *
 *   await suite(import.meta.url, {
 *     framework: 'AI SDK',
 *     package: 'ai',                         // whose version the table shows
 *     scenarios: [
 *       {
 *         name: 'tools and a sub-agent',
 *         program: 'app.mjs',                // relative to the run file, with arguments after a blank; or programs, one
 *                                            // after the other, on one log
 *         modes: ['register', 'startHive', 'processor'],   // or { 'register, Langfuse': { base: 'register',
 *                                            // imports: ['./langfuse.mjs'], env } }
 *         turns: [...],                      // see model-server.mjs; a function makes them anew for each run
 *         env: (server) => ({ ... }),        // beside server.env
 *         output: 'what the program prints', // as without hivelog
 *         truth: { agents, tools, ... },     // see truth.mjs; or a function of { server, marks, lines, mode, folder }
 *         check: (run) => ['a problem'],     // what else has to hold
 *         liveMs: 50,                      // what a line may be late, where a child process tells of the call
 *         says: /…/,                         // what hivelog may say on stderr; else it has to be silent
 *         alone: ['./telemetry.mjs'],        // imports of a run without hivelog: the application's own backend has to
 *                                            // get the same from it (see their-telemetry.mjs), and the program to print
 *                                            // the same
 *       },
 *     ],
 *   })
 *
 * Each scenario is run once a mode, in a process of its own with the Node that runs the suite, and is a row of the table.
 * HIVELOG_TEST_BRIEF=1 runs each in its first mode only.
 * HIVELOG_TEST_ONLY=part of a scenario's name runs only that; HIVELOG_TEST_KEEP=1 leaves its folder and says where.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LogTail } from './log-tail.mjs'
import { ModelServer } from './model-server.mjs'
import { MODES, runProgram } from './program.mjs'
import { readSpans, spansDiffer, spansFile } from './their-spans.mjs'
import { compare } from './truth.mjs'

/** A line that came late on a busy machine is not late each time. */
const TRIES = 5

export async function suite(url, { framework, package: name, scenarios }) {
  const cwd = dirname(fileURLToPath(url))
  const only = process.env.HIVELOG_TEST_ONLY ?? ''
  const version = versionOf(cwd, name)
  let failed = 0
  for (const scenario of scenarios.filter((each) => each.name.includes(only))) {
    const modes = process.env.HIVELOG_TEST_BRIEF ? modesOf(scenario).slice(0, 1) : modesOf(scenario)
    const alone = scenario.alone && (await runAlone(scenario, cwd))
    for (const [mode, how] of modes) {
      const row = {
        framework,
        version,
        node: process.versions.node,
        scenario: scenario.name,
        mode,
        ...(await tried({ ...scenario, ...(alone && { theirs: alone }) }, mode, how, cwd)),
      }
      if (row.problems.length > 0) failed++
      if (process.send) process.send({ row })
      else print(row)
    }
  }
  if (failed > 0) process.exitCode = 1
  if (process.send) process.disconnect()
}

function modesOf({ modes = ['register', 'startHive'] }) {
  if (Array.isArray(modes)) return modes.map((mode) => [mode, MODES[mode]])
  return Object.entries(modes).map(([mode, how]) => [
    mode,
    { ...how, imports: [...(MODES[how.base ?? mode]?.imports ?? []), ...(how.imports ?? [])] },
  ])
}

async function tried(scenario, mode, how, cwd) {
  let outcome
  for (let n = 0; n < TRIES; n++) {
    outcome = await once(scenario, mode, how, cwd)
    if (outcome.problems.length > 0 || outcome.late.length === 0) break
  }
  const { counts, slowestMs, problems, late } = outcome
  return { counts, slowestMs, problems: [...problems, ...late] }
}

/** The application as it is without hivelog: what it prints, and its own backend's spans. */
async function runAlone({ turns = [], programs, program, env, alone }, cwd) {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-framework-'))
  const server = await ModelServer.start(typeof turns === 'function' ? turns() : turns)
  try {
    let output = ''
    for (const each of programs ?? [program]) {
      const [file, ...args] = each.split(' ')
      const own = { ...server.env, ...env?.(server), HIVELOG_TEST_SPANS: spansFile(folder) }
      const ran = await runProgram({ program: file, args, imports: alone, cwd, folder, env: own })
      output += ran.stdout
    }
    return { output, spans: readSpans(folder) }
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function once(scenario, mode, how, cwd) {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-framework-'))
  const { turns = [] } = scenario
  const server = await ModelServer.start(typeof turns === 'function' ? turns() : turns)
  const tail = new LogTail(folder)
  const problems = []
  const run = { server, mode, folder, marks: [], lines: tail.lines, ran: [] }
  try {
    for (const each of scenario.programs ?? [scenario.program]) {
      const [program, ...args] = each.split(' ')
      const ran = await runProgram({
        program,
        args,
        imports: how.imports,
        cwd,
        folder,
        env: {
          ...server.env,
          ...scenario.env?.(server),
          ...how.env,
          ...(scenario.theirs && { HIVELOG_TEST_SPANS: spansFile(folder) }),
        },
      })
      run.ran.push(ran)
      run.marks = ran.marks
    }
    tail.look()
    const stdout = run.ran.map((ran) => ran.stdout).join('')
    const stderr = run.ran.map((ran) => ran.stderr).join('')
    for (const { code, signal } of run.ran) {
      if (code !== (scenario.code ?? 0))
        problems.push(`the program ended with ${signal ?? code}: ${stderr.slice(-1500)}`)
    }
    if (scenario.output !== undefined && stdout.trim() !== scenario.output.trim()) {
      problems.push(`the program printed ${JSON.stringify(stdout)}`)
    }
    if (scenario.theirs !== undefined) {
      if (stdout !== scenario.theirs.output)
        problems.push(`without hivelog it prints ${scenario.theirs.output}`)
      problems.push(...spansDiffer(readSpans(folder), scenario.theirs.spans))
    }
    for (const line of stderr.split('\n')) {
      if (/hivelog/i.test(line) && !scenario.says?.test(line)) problems.push(`said: ${line}`)
    }
    problems.push(...server.problems)
    if (server.left.length > 0) problems.push(`${server.left.length} turns of the model were never asked for`)
    const truth = typeof scenario.truth === 'function' ? scenario.truth(run) : scenario.truth
    const compared = compare({
      lines: tail.lines,
      truth,
      calls: server.calls,
      marks: run.marks,
      stalledBetween: (from, to) => tail.stalledBetween(from, to),
      liveMs: scenario.liveMs,
    })
    problems.push(
      ...compared.problems,
      ...leaks(folder, truth.absent ?? []),
      ...(scenario.check?.(run) ?? []),
    )
    return { ...compared, problems }
  } finally {
    tail.close()
    await server.close()
    if (process.env.HIVELOG_TEST_KEEP) console.error(`${scenario.name}, ${mode}: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * The model calls of an example, which has a fake model of its own: those of its turns, each of which says its tokens.
 * @param model the one that the example asks
 */
export const exampleTruth = (turns, model = 'gpt-5-mini') => ({
  calls: turns.map(({ agent, usage: { input, output, cacheRead } }) => ({
    agent,
    asked: model,
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: cacheRead,
  })),
  unknown: ['responseId'],
})

/** Which of these texts are in the log or beside it. */
function leaks(folder, absent) {
  if (absent.length === 0) return []
  const found = []
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = join(folder, name)
    if (!name.startsWith('hive') || !statSync(file).isFile()) continue
    const bytes = readFileSync(file)
    for (const text of absent) if (bytes.includes(text)) found.push(`${name} holds ${JSON.stringify(text)}`)
  }
  return found
}

/** Of a package as the framework's folder has it; packages do not always let their package.json be required. */
function versionOf(cwd, name) {
  for (const folder of createRequire(join(cwd, 'package.json')).resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version
    } catch {}
  }
  return '?'
}

/** For a suite that is run by hand. */
function print({ framework, version, scenario, mode, counts, slowestMs, problems }) {
  const found = Object.entries(counts)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ')
  console.log(
    `${problems.length === 0 ? 'ok    ' : 'FAILED'} ${framework} ${version}: ${scenario} [${mode}] ${found}, at most ${slowestMs.toFixed(0)} ms late`,
  )
  for (const problem of problems) console.log(`       ${problem}`)
}
