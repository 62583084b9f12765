/**
 * What a program that is recorded says about itself, for the check: at once, in a file of its own, so that neither
 * the event loop nor hivelog has a part in it.
 *
 *   mark('tool', { toolCallId: 'call_1_1' })      a tool's code begins to run (its name will do where there is no id)
 *   mark('tool.end', { toolCallId: 'call_1_1' })  and is about to return
 *   mark('agent', { name: 'lead' })               an agent is about to be run
 *   mark('call', { responseId })                  the framework tells the application of a model's answer
 *
 * Outside of the tests it does nothing.
 */
import { appendFileSync } from 'node:fs'
import { now } from './clock.mjs'

export function mark(what, fields = {}) {
  const file = process.env.HIVELOG_TEST_MARKS
  if (file) appendFileSync(file, `${JSON.stringify({ what, at: now(), ...fields })}\n`)
}
