#!/usr/bin/env node
/** The program `hivelog`: a run of the command with what the process has. */
import { run } from './main.js'
import { endWithReader } from './output.js'

endWithReader()
process.exitCode = await run(process.argv.slice(2))
