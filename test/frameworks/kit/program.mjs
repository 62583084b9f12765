/** Runs a program that uses a framework, with hivelog in one of the ways in which people add it. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const preload = (name) => new URL(`./preload/${name}`, import.meta.url).href

/** Nothing of the framework's code is changed in any of them. `imports` go to Node's `--import`, before the program. */
export const MODES = {
  register: { imports: ['hivelog/register'] },
  startHive: { imports: [preload('start-hive.mjs')] },
  /** A provider of the application's with hivelog's span processor; `imports` of the scenario may add to it. */
  processor: { imports: [preload('provider.mjs')] },
}

/** A program that takes longer hangs. */
const MAX_MS = 60_000

/**
 * @param program file, relative to `cwd`
 * @param folder where the log and the marks lie
 * @returns {Promise<{ code, stdout, stderr, marks }>}
 */
export function runProgram({ program, args = [], imports = [], cwd, folder, env = {} }) {
  const marks = join(folder, 'marks.ndjson')
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(OTEL_|AGENT_|HIVELOG_|OPENAI_|ANTHROPIC_|GEMINI_|GOOGLE_|LANGSMITH_|LANGCHAIN_|TRACEPARENT$|NODE_OPTIONS$)/.test(
          name,
        ),
    ),
  )
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        ...imports.flatMap((each) => [
          '--import',
          each.startsWith('./') ? fileURLToPath(new URL(each, `file://${cwd}/`)) : each,
        ]),
        program,
        ...args,
      ],
      {
        cwd,
        env: {
          ...inherited,
          HIVELOG_FILE: join(folder, 'hive.jsonl'),
          HIVELOG_TEST_MARKS: marks,
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const timer = setTimeout(() => child.kill('SIGKILL'), MAX_MS)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout, stderr, marks: marksOf(marks) })
    })
  })
}

function marksOf(file) {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
