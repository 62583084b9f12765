/**
 * A hive that reviews source code: a lead and its reviewers, each reviewer a process of its own. This is the
 * coordinating process, and the one writer of the log. `npm run demo -- --help` says how to start it.
 */
import { mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { startHive } from 'hivelog'
import { verifyLog } from 'hivelog/read'
import { approver } from './approvals.mjs'
import { Coordinator } from './coordinator.mjs'
import { Feed } from './feed.mjs'
import { leadReview } from './lead.mjs'
import { HELP, readOptions } from './options.mjs'
import { personAtPage, servePage } from './page.mjs'
import { Screen } from './screen.mjs'
import { findSources, shareOut } from './source-files.mjs'
import { closingWords, openingWords } from './words.mjs'

/** More reviewers would only talk more. */
const REVIEWERS = 4

const { options, areas, folder } = prepare()
const screen = new Screen()
// What hivelog says of spans that nobody took goes to the terminal, and into the closing words.
let unsent = false
diag.setLogger(
  {
    error(text, ...more) {
      unsent ||= /not sent|not been sent/.test(text)
      console.error(text, ...more)
    },
    warn: console.error,
    info() {},
    debug() {},
    verbose() {},
  },
  DiagLogLevel.WARN,
)
const hive = startHive({ file: join(folder, 'hive.jsonl'), serviceName: 'review-hive' })
const feed = new Feed(hive.file, screen)
const page = options.page ? await servePage(hive.file) : undefined
const coordinator = new Coordinator(hive, page ? personAtPage : approver(options.interactive, screen))
let interrupted
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupt(signal))

openingWords(screen, hive.file, areas, options)
if (page) screen.line(`Live in the browser: ${page.url}\n`)
const lead = hive.spawn({
  agentId: 'lead',
  name: 'Lead',
  isGod: true,
  role: 'shares out and sums up',
  pid: process.pid,
})
const notebook = join(folder, 'review.md')
const summary = await leadReview(coordinator, lead, { areas, notebook, fast: options.fast })
const { traceId } = lead.spanContext
lead.end(interrupted === undefined ? {} : { status: 'killed', error: interrupted })
// Writes and seals the file, and sends the last spans.
await hive.shutdown()
const report = await verifyLog(hive.file)
await feed.finish(report.lastSeq)
closingWords(screen, { file: hive.file, notebook, report, summary, traceId, unsent })
if (page && interrupted === undefined) {
  screen.line(`\nStill in the browser, until Ctrl-C: ${page.url}`)
  await page.ended
}
page?.stop()
if (interrupted !== undefined) process.exitCode = 128 + constants.signals[interrupted]
else if (!report.ok || summary.lost.length > 0) process.exitCode = 1

/** Ends the reviewers; then all goes its way to the end, and the log tells who was killed. */
function interrupt(signal) {
  interrupted ??= signal
  screen.close()
  coordinator.stop()
  page?.stop()
}

/** What can go wrong before there is a hive ends in one line. */
function prepare() {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options.help) {
      process.stdout.write(HELP)
      process.exit()
    }
    const areas = shareOut(findSources(options.paths), REVIEWERS)
    // A new folder for every run: an audit log is never written over.
    const folder = join('hive-demo', new Date().toISOString().replace(/[:.]/g, '-'))
    mkdirSync(folder, { recursive: true })
    return { options, areas, folder }
  } catch (error) {
    process.stderr.write(`review-hive: ${error.message}\n`)
    process.exit(2)
  }
}
