/** The lead's work: to share out, to collect, and to sum up. */
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe } from './describe.mjs'

const REVIEWER = fileURLToPath(new URL('reviewer.mjs', import.meta.url))
/** How often the lead looks into its inbox; a reviewer that died sends nothing more. */
const ROUND_MS = 500
/** A reviewer takes about this long over its files when somebody watches. */
const WATCHED_MS = 6_000

/**
 * Reviews the areas with a reviewer each.
 * @returns `{ files, blocked, lost }`: how many files were reviewed, the findings that block, the reviewers that did
 * not finish
 */
export async function leadReview(coordinator, lead, { areas, notebook, fast }) {
  const { inbox } = coordinator.join(lead)
  await writeFile(notebook, '# Review\n')
  for (const { id, folders } of areas) {
    // What tells them apart comes first: a list of names is often cut at its end.
    const name = `${folders.map((folder) => basename(folder.name)).join(', ')} (reviewer)`
    coordinator.start(lead, { agentId: id, name, role: 'reviewer' }, REVIEWER)
  }
  const owners = Object.fromEntries(areas.flatMap(({ id, files }) => files.map((path) => [path, id])))
  for (const { id, folders, files } of areas) {
    const body = { folders, owners, notebook, pace: fast ? 0 : Math.min(WATCHED_MS / files.length, 250) }
    const subject = `Review ${files.length} file${files.length === 1 ? '' : 's'}`
    coordinator.message(lead, { to: id, act: 'request', subject, body, requiresReply: true })
  }
  const summary = { files: 0, blocked: [], lost: [] }
  const open = new Set(areas.map(({ id }) => id))
  while (open.size > 0) {
    await readMail(coordinator, { agent: lead, inbox }, open, summary)
    // In rounds, not letter by letter.
    if (!fast) await setTimeout(ROUND_MS)
  }
  for (const { id } of areas) {
    const thanks = { to: id, act: 'done', subject: 'That is all, thank you' }
    if (coordinator.isRunning(id)) coordinator.message(lead, thanks)
  }
  await coordinator.ended()
  await sumUp(lead, notebook, summary.blocked)
  return summary
}

/** Takes from `open` who has finished, and who has died. */
async function readMail(coordinator, me, open, summary) {
  for (const { from, act, body } of await coordinator.drain(me, ROUND_MS)) {
    if (act !== 'done') continue
    summary.files += body.files
    summary.blocked.push(...body.blocked)
    open.delete(from)
  }
  for (const id of open) {
    if (coordinator.isRunning(id)) continue
    summary.lost.push(id)
    open.delete(id)
  }
}

/** Closes the notebook, and keeps it with the log as it is now. */
async function sumUp(lead, notebook, blocked) {
  const items = blocked.map((finding) => `- ${describe(finding)}\n`).join('')
  await writeFile(notebook, `\n## Blockers\n\n${items || 'None.\n'}`, { flag: 'a' })
  lead.snapshot({ label: 'the notebook', content: await readFile(notebook, 'utf8') })
}
