/** A checkpointer that lives on in the next process: LangGraph's in memory, kept in a file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import { MemorySaver } from '@langchain/langgraph'

export function keptSaver(file) {
  const saver = new MemorySaver()
  if (existsSync(file)) Object.assign(saver, deserialize(readFileSync(file)))
  return {
    saver,
    keep: () => writeFileSync(file, serialize({ storage: saver.storage, writes: saver.writes })),
  }
}
