/** What the runs of coding agents share: a server, programs, and how what was found is compared. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const here = dirname(fileURLToPath(import.meta.url))
export const bin = join(here, '../../../dist/cli/bin.js')
/** A program that takes longer hangs. */
const MAX_MS = 90_000
const children = new Set()

/**
 * Runs one scenario in a folder of its own, and tells of its row.
 * @param act is given the folder and where to put problems; gives the counts
 */
export async function row(fields, act) {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-coding-'))
  const problems = []
  let counts = {}
  try {
    counts = await act(folder, problems)
  } catch (error) {
    problems.push(error.stack)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    if (process.env.HIVELOG_TEST_KEEP) console.error(folder)
    else rmSync(folder, { recursive: true, force: true })
  }
  const told = { node: process.versions.node, mode: 'serve', ...fields, counts, slowestMs: 0, problems }
  if (process.send) process.send({ row: told })
  else console.log(told)
  if (problems.length > 0) process.exitCode = 1
}

/** A server in the folder, and the settings of a coding agent that name it. */
export async function serving(folder, agent, env) {
  const server = start(
    process.execPath,
    [bin, 'serve', '--store', join(folder, 'store'), '--port', '0', '--json'],
    { env },
  )
  const [first] = await linesOf(server, 1)
  const { url, token, store } = JSON.parse(first)
  const args = ['--url', url, '--token', token, '--wait', '20', '--write']
  const setup = await start(process.execPath, [bin, 'setup', agent, ...args], { env }).ended
  if (setup.code !== 0) throw new Error(`setup: ${setup.stderr}`)
  return {
    store,
    async stop() {
      server.kill('SIGTERM')
      const { code, stderr } = await server.ended
      if (code !== 0) throw new Error(`the server ended with ${code}: ${stderr}`)
    },
  }
}

/** Compares lists in any order: a count for the table, and a problem where they differ. */
export function comparer(problems) {
  const counts = {}
  const same = (what, actual, expected) => {
    const sorted = (list) => list.map((each) => JSON.stringify(each)).sort()
    const [a, b] = [sorted(actual), sorted(expected)]
    counts[what] = `${b.filter((each) => a.includes(each)).length}/${b.length}`
    if (a.join() !== b.join()) problems.push(`${what}: ${a.join(' ')} instead of ${b.join(' ')}`)
  }
  return { counts, same }
}

export function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  children.add(child)
  child.said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (data) => {
      child.said[name] += data
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), MAX_MS)
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: error.message, ...child.said }))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      children.delete(child)
      resolve({ code: code ?? signal, ...child.said })
    })
  })
  return child
}

/** The first lines of a child's output. */
async function linesOf(child, count) {
  const lines = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (lines.length < count) continue
    // What reads lines has stopped the stream.
    setImmediate(() => child.stdout.resume())
    return lines
  }
  throw new Error(`it ended after ${lines.length} lines: ${child.said.stderr}`)
}
