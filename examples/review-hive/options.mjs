/** What the command line says. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const HELP = `Usage: npm run demo -- [--yes] [--fast] [PATH]...

A hive reviews source code: a lead, and reviewers in processes of their own, which read the files, ask each
other, wait for the shared notebook and escalate what is risky. You decide at the terminal.

  -y, --yes    a policy decides instead; also without a terminal
      --page   the hive in the browser, live: you decide there, and what you leave for 20 s the policy
               does; goes on until Ctrl-C
      --fast   without the small delays that let a person follow
      --help   this text

PATH is a file or a folder of source code. Default: this project's own src, and examples/review-hive/planted,
two short scripts with planted faults. The log goes to hive-demo/<time>/hive.jsonl. With
OTEL_EXPORTER_OTLP_ENDPOINT set, the trace goes there.
Exit code 0: done; 1: a reviewer failed, or the log is damaged; 2: bad use.
`

const here = (path) => relative('', fileURLToPath(new URL(path, import.meta.url)))

/** @throws {Error} with a line for people when the arguments make no sense */
export function readOptions(args) {
  const { values, positionals } = parse(args)
  return {
    help: values.help,
    fast: values.fast,
    page: values.page,
    interactive: !values.yes && !values.page && process.stdin.isTTY === true && process.stdout.isTTY === true,
    paths: positionals.length > 0 ? positionals : [here('../../src'), here('planted')],
  }
}

function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        yes: { type: 'boolean', short: 'y', default: false },
        page: { type: 'boolean', default: false },
        fast: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new Error(`${error.message.split('. ')[0]}; see --help`)
  }
}
