/** `ask` ends as a tool waits for a person; `answer` goes on, in a process of its own: allows it, or with `no` does not. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { mastra } from './hive.mjs'

const kept = join(dirname(process.env.HIVELOG_FILE ?? './x'), 'run')
const lead = mastra.getAgent('lead')
const [, , what, how] = process.argv

const read = async (stream) => {
  for await (const _ of stream.fullStream);
  return stream.text
}
if (what === 'ask') {
  const stream = await lead.stream('Clean up.')
  await read(stream)
  writeFileSync(kept, stream.runId)
  console.log('asked')
} else if (existsSync(kept)) {
  const answer = { runId: readFileSync(kept, 'utf8'), toolCallId: 'c-remove' }
  console.log(
    await read(how === 'no' ? await lead.declineToolCall(answer) : await lead.approveToolCall(answer)),
  )
}
