/**
 * Runs commands at the same time in this process: each line of standard input is the arguments of one, as JSON. Gives
 * `{ code, stdout, stderr }` of each, in this order, and the peak of memory in MiB, as one JSON.
 */
import { text } from 'node:stream/consumers'
import { run } from '../../src/cli/main.js'
import { Collected } from '../kit/reader-cli.js'

const lines = (await text(process.stdin)).trimEnd().split('\n')
const results = await Promise.all(
  lines.map(async (line) => {
    const [stdout, stderr] = [new Collected(), new Collected()]
    const { stdin, env } = process
    const code = await run(JSON.parse(line), { stdin, stdout, stderr, env })
    return { code, stdout: stdout.text, stderr: stderr.text }
  }),
)
process.stdout.write(JSON.stringify({ results, peak: process.resourceUsage().maxRSS / 1024 }))
