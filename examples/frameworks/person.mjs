/** The person whom the examples ask: at a terminal you, else one who says yes. */
import { createInterface } from 'node:readline/promises'

/** @returns whether the person says yes */
export async function askPerson(question) {
  if (!process.stdin.isTTY) {
    console.log(`${question} yes (nobody is at a terminal)`)
    return true
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question(`${question} [y/n] `)
  terminal.close()
  return answer.trim().toLowerCase().startsWith('y')
}
