// npm run bench -- [--quick] [--json] [--only A,C] [--dir FOLDER]
//
// Each section runs in a process of its own, one after the other. Exit 0 whether targets are met or not: it measures,
// it does not judge. Exit 1 when a section could not be measured, 2 on bad use.
import { fork } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from './lib/machine.mjs'
import { isMet, markdown } from './lib/report.mjs'

const CHILD = new URL('./lib/section.mjs', import.meta.url)
/** Letter, module, and the seconds after which it counts as hung. */
const SECTIONS = [
  { letter: 'A', name: 'throughput', limit: 150 },
  { letter: 'B', name: 'message', limit: 60 },
  { letter: 'C', name: 'latency', limit: 120 },
  { letter: 'D', name: 'memory', limit: 120 },
  { letter: 'E', name: 'durable', limit: 60 },
  { letter: 'F', name: 'verify', limit: 90 },
  { letter: 'G', name: 'reader', limit: 120 },
  { letter: 'H', name: 'select', limit: 240 },
  { letter: 'I', name: 'import', limit: 300 },
  { letter: 'N', name: 'ranges', limit: 400 },
  { letter: 'O', name: 'backend', limit: 180 },
  { letter: 'P', name: 'spans', limit: 120 },
  { letter: 'R', name: 'redact', limit: 120 },
  { letter: 'V', name: 'api', limit: 240 },
  { letter: 'W', name: 'frameworks', limit: 120 },
  { letter: 'X', name: 'http', limit: 60 },
]
const LETTERS = SECTIONS.map(({ letter }) => letter)

function readArguments() {
  const options = {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: LETTERS.join(',') },
    dir: { type: 'string', default: tmpdir() },
  }
  try {
    const { values } = parseArgs({ options })
    const letters = values.only.toUpperCase().split(',')
    const unknown = letters.find((letter) => SECTIONS.every((section) => section.letter !== letter))
    if (unknown !== undefined) throw new Error(`--only ${unknown}: the sections are ${LETTERS.join(', ')}`)
    return { ...values, letters, dir: realpathSync(values.dir) }
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exit(2)
  }
}

function run({ letter, name, limit }, options) {
  const child = fork(CHILD, [name, JSON.stringify(options)], { execArgv: ['--expose-gc'] })
  running = child
  return new Promise((resolve) => {
    let result
    const timer = setTimeout(() => {
      result = { title: `${letter}. ${name}`, failure: `not done after ${limit} s` }
      child.kill('SIGKILL')
    }, limit * 1000)
    child.on('message', (message) => {
      result = message
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      running = undefined
      resolve(
        result ?? {
          title: `${letter}. ${name}`,
          failure: `the section ended with ${signal ?? `code ${code}`}`,
        },
      )
    })
  })
}

const { quick, json, letters, dir: parent } = readArguments()
const dir = mkdtempSync(join(parent, 'hivelog-bench-'))
let running
process.on('exit', () => {
  running?.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

const about = { ...machine(dir), mode: quick ? 'quick: expect noise' : 'full' }
const results = []
for (const section of SECTIONS.filter(({ letter }) => letters.includes(letter))) {
  console.error(`bench: ${section.letter} ${section.name} …`)
  results.push(await run(section, { dir, quick }))
}
if (json) {
  const judged = results.map((each) => ({
    ...each,
    targets: each.targets?.map((t) => ({ ...t, met: isMet(t) })),
  }))
  console.log(JSON.stringify({ machine: about, sections: judged }, null, 2))
} else console.log(markdown(about, results))
if (results.some(({ failure }) => failure !== undefined)) process.exitCode = 1
