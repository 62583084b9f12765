/** Who answers an escalation: a human at the terminal, or a policy. */
import { basename } from 'node:path'

/** Makes the function that decides about a risk `{ id, path, line, check, tree }`: `{ approve, by, note }`. */
export function approver(interactive, screen) {
  if (!interactive) return async (risk) => policy(risk)
  let turn = Promise.resolve()
  return (risk) => {
    // One question at a time.
    const answer = turn.then(() => askHuman(risk, screen))
    turn = answer
    return answer
  }
}

const BLOCKING = {
  secret: "a secret in the code is everybody's",
  'text-as-code': 'whoever writes the text runs the code',
  shell: 'whoever writes the text runs the command',
  'unchecked-tls': 'anybody in between can read it',
}

/** Blocks what hands the machine or its secrets to somebody else, and what deletes whole trees; nothing else. */
export function policy({ check, tree }) {
  const note = BLOCKING[check]
  if (note !== undefined) return { approve: true, by: 'policy', note }
  if (tree) return { approve: true, by: 'policy', note: 'deletes whole folders' }
  return {
    approve: false,
    by: 'policy',
    note: check === 'deletes' ? 'single files only' : 'the owner should look at it',
  }
}

async function askHuman(risk, screen) {
  const { id, path, line, check } = risk
  const answer = await screen.ask(`▲ ${id}  block ${basename(path)}:${line}, ${check}? [y/n, then why] `)
  // Ctrl-D.
  if (answer === undefined) return policy(risk)
  const [word, ...note] = answer.trim().split(/\s+/)
  const decision = { approve: /^y(es)?$/i.test(word), by: process.env.USER || 'human' }
  return note.length > 0 ? { ...decision, note: note.join(' ') } : decision
}
