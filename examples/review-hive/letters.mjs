/** Questions to other reviewers, and their answers. */
import { setTimeout } from 'node:timers/promises'
import * as hub from './hub.mjs'

/** Whoever has not answered by then has died. */
const PATIENCE_MS = 10_000

const open = new Map()

/** Asks another reviewer; resolves to the answer's body, or to `undefined` when none comes. */
export async function ask(to, subject, body) {
  const id = await hub.message({ to, act: 'query', subject, body, requiresReply: true })
  const answer = new Promise((resolve) => open.set(id, resolve))
  return Promise.race([answer, setTimeout(PATIENCE_MS, undefined, { ref: false })])
}

/** Answers a question. */
export const answer = (mail, subject, body) =>
  hub.message({ to: mail.from, act: 'inform', subject, body, inReplyTo: mail.id })

/** Hands an answer that has come to whoever asked. */
export function receiveAnswer(mail) {
  open.get(mail.inReplyTo)?.(mail.body)
  open.delete(mail.inReplyTo)
}
