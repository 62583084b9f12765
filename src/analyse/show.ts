/** One event of a hive in full: what it names, and what came of it. */
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { checkOptions } from '../format/options.js'
import { HiveModel } from '../model/model.js'
import { type HiveEntry, logsOfHive } from '../read/hive.js'
import { artifactsIn } from '../verify/refs.js'
import { pricer } from './cost/call-cost.js'
import { SHOW_RULES } from './options.js'
import { artifactsLike, readArtifact, type ShownArtifact } from './show/artifact.js'
import { Finder, type Found, MAX_MATCHES } from './show/find.js'
import { followerOf } from './show/outcome.js'
import { changedMeanwhile, identityOf, placeOf } from './show/places.js'
import type { ShowOptions, ShowReport } from './show/report.js'
import { Story } from './show/story.js'

/** Contents of one event that are read. */
const MAX_ARTIFACTS = 20
/** Messages of an inbox of which it is known which they are: more than a drain by number alone will leave. */
const INBOX_CAPACITY = 10_000
const SHA256 = /^[0-9a-f]{8,64}$/i

/**
 * Finds an event by its position, its place or an id, or an artifact by its hash, and tells all of it: see
 * `ShowReport`. The logs are read twice. Lines that are no event are counted, and no more.
 * @param files path of a log, or several: one hive
 * @param query a `seq` of the first log (of another one where that has none), a place (`hive.jsonl:57`), the id of a
 * message, escalation, agent, span or trace, the SHA-256 of an artifact; or how one of these ids begins
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read, or was changed between the two
 * readings; never because of a line
 */
export async function showEvent(
  files: string | readonly string[],
  query: string,
  options: ShowOptions = {},
): Promise<ShowReport> {
  checkOptions('showEvent', options, SHOW_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const story = new Story(list, 2, options)
  const finder = new Finder(query, list[0] as string, options.log)
  const tally = await story.read((entry) => finder.add(entry))
  const found = finder.found()
  const report: ShowReport = { files: list, query, ...tally, found: found.type, artifacts: [], ok: true }
  if (found.type === 'several') report.matches = { list: found.matches, more: found.more }
  else if (found.type === 'event') await showFound(report, found, story, options)
  else await showArtifact(report, found, logsOfHive(list, options.thisFile), options.full)
  report.ok = report.artifacts.every(({ status }) => status === 'ok') && tally.broken === undefined
  return report
}

async function showFound(
  report: ShowReport,
  { match, identity, lives = [] }: Extract<Found, { type: 'event' }>,
  story: Story,
  { full }: ShowOptions,
): Promise<void> {
  const follower = followerOf(match.event.kind, match.event as Fields, match.by === 'agent')
  const model = new HiveModel({
    ...(follower !== undefined && { listener: follower }),
    price: pricer(),
    inboxCapacity: INBOX_CAPACITY,
    firstLog: report.files[0] as string,
  })
  let target: HiveEntry | undefined
  await story.read((entry) => {
    const isTarget = target === undefined && identityOf(entry) === identity
    if (isTarget) target = entry
    if (follower === undefined) return
    follower.entry(entry, isTarget, model.goesOn(entry))
    model.add(entry)
  })
  if (target === undefined) throw changedMeanwhile(match.place)
  const { event } = target
  report.event = event
  report.place = placeOf(target)
  if (lives.length > 0) report.lives = lives
  if (follower !== undefined) report.outcome = follower.outcome(model.lastTs)
  report.artifacts = await artifactsOf(event, target.log, full)
}

async function artifactsOf(event: HiveEvent, log: string, full = false): Promise<ShownArtifact[]> {
  const shown: ShownArtifact[] = []
  for (const named of artifactsIn(event).slice(0, MAX_ARTIFACTS)) {
    const field = Object.entries(event).find(([, value]) => value === named)?.[0]
    const options = { said: named.bytes, full, ...(field !== undefined && { field }) }
    shown.push(await readArtifact(log, named.ref, options))
  }
  return shown
}

/** What is asked for may be an artifact, also one that no event names. */
async function showArtifact(
  report: ShowReport,
  found: Extract<Found, { type: 'artifact' | 'nothing' }>,
  logs: readonly string[],
  full = false,
): Promise<void> {
  const namedBy = found.type === 'artifact' ? found.namedBy : []
  let refs: [log: string, ref: string][] = namedBy.map(({ place }) => [
    place.log,
    (found as { ref: string }).ref,
  ])
  if (found.type === 'nothing') {
    const { query } = report
    if (!SHA256.test(query)) return
    for (const log of logs) {
      const like = await artifactsLike(log, query.toLowerCase(), MAX_MATCHES)
      refs.push(...like.map((ref): [string, string] => [log, ref]))
    }
    if (new Set(refs.map(([, ref]) => ref)).size === 0) return
  }
  // Each log has its own copy, and all are the same if they are good: the first good one is shown.
  refs = refs.filter(([log, ref], i) => refs.findIndex((each) => each[0] === log && each[1] === ref) === i)
  const good = new Set<string>()
  for (const [log, ref] of refs.slice(0, MAX_ARTIFACTS)) {
    if (good.has(ref)) continue
    const artifact = await readArtifact(log, ref, { full })
    if (artifact.status === 'ok') good.add(ref)
    report.artifacts.push(artifact)
  }
  report.found = 'artifact'
  report.namedBy = { list: namedBy, more: found.type === 'artifact' ? found.more : 0 }
}
