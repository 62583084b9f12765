/**
 * A reviewer's process. Mail tells it what to do: a request to read its part of the code, questions of the other
 * reviewers about it, and that it can go.
 */
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { review } from './checks.mjs'
import { crossCheck, factsAbout, inWords } from './cross-check.mjs'
import { Files } from './files.mjs'
import * as hub from './hub.mjs'
import { answer, receiveAnswer } from './letters.mjs'
import { Notebook } from './notebook.mjs'

/** A human's time is short: further risks are in the notebook. */
const MAX_ESCALATIONS = 5

const files = new Files()
readMail()

async function readMail() {
  for (;;) {
    for (const mail of await hub.drain()) {
      // What is begun here goes on beside the reading of mail; if it fails, so does the process, and that is recorded.
      if (mail.act === 'request') reviewArea(mail)
      else if (mail.act === 'query') answerQuestion(mail)
      else if (mail.act === 'inform') receiveAnswer(mail)
      else if (mail.act === 'done') hub.leave()
    }
  }
}

async function reviewArea({ id, from: lead, body }) {
  const { folders, owners, notebook, pace } = body
  const names = folders.map(({ name }) => name).join(', ')
  await hub.message({ to: lead, act: 'agree', subject: `Reading ${names}`, inReplyTo: id })
  const area = {
    lead,
    owners,
    pace,
    notebook: new Notebook(notebook, 2 * pace),
    questions: [],
    escalations: [],
  }
  for (const folder of folders) await reviewFolder(folder, area)

  const answered = (await Promise.all(area.questions)).flat()
  for (const finding of answered) await tell([finding], area)
  if (answered.length > 0) await area.notebook.write(`Calls out of ${names}`, answered)
  // A human may still be thinking about them.
  const blocked = (await Promise.all(area.escalations)).filter((finding) => finding !== undefined)
  const subject = `Reviewed ${files.size} files, blocked: ${blocked.length}`
  await hub.message({ to: lead, act: 'done', subject, body: { files: files.size, blocked }, inReplyTo: id })
}

async function reviewFolder({ name, paths }, area) {
  let read
  try {
    read = await hub.tool('read_files', () => files.readAll(paths))
  } catch (error) {
    await hub.message({ to: area.lead, act: 'refuse', subject: `Cannot read ${name}: ${error.message}` })
    return
  }
  area.questions.push(crossCheck(read, files, area.owners))
  const reviewed = await hub.tool('run_checks', () => read.map(review))
  for (const findings of reviewed) {
    await tell(findings, area)
    await setTimeout(area.pace)
  }
  const all = reviewed.flat()
  await area.notebook.write(name, all)
  await hub.log('folder.reviewed', { folder: name, files: read.length, findings: all.length })
}

/** What is found in one file goes to the lead, except for mere notes; risks go to the human as well. */
async function tell(findings, { lead, escalations }) {
  const serious = findings.filter(({ level }) => level !== 'note')
  if (serious.length === 0) return
  const says = serious.map((finding) => finding.says).join(', ')
  await hub.message({ to: lead, act: 'inform', subject: `${serious[0].path} ${says}` })
  const room = MAX_ESCALATIONS - escalations.length
  escalations.push(
    ...serious
      .filter(({ level }) => level === 'risk')
      .slice(0, room)
      .map(escalate),
  )
}

/** Resolves to the finding if it is to block. The quote may hold a secret: the log redacts it. */
async function escalate(finding) {
  const { path, line, says, quote, check, tree } = finding
  const { approve } = await hub.escalate(`${basename(path)}:${line} ${says}: ${quote}`, {
    path,
    line,
    check,
    tree,
  })
  return approve ? finding : undefined
}

async function answerQuestion(mail) {
  const { path, names } = mail.body
  const facts = factsAbout(await files.read(path), names)
  const subject = Object.entries(facts).map(([name, fact]) => `${name} ${inWords(fact)}`)
  await answer(mail, subject.join('; '), facts)
}
