/** Writes the logs of a hive line by line, with the times that a test wants: its own, child processes', foreign ones. */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Begin of all times of a story. */
export const T0 = 1_787_386_181_000

export class StoryLog {
  readonly file: string
  readonly #isForeign: boolean
  #seq = 0

  constructor(file: string, isForeign = false) {
    this.file = file
    this.#isForeign = isForeign
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '')
  }

  /** @param ts milliseconds after `T0` */
  at(ts: number, kind: string, fields: object = {}): this {
    const envelope = this.#isForeign ? {} : { seq: ++this.#seq, session: 's-1' }
    return this.raw(`${JSON.stringify({ ts: T0 + ts, kind, ...fields, ...envelope })}\n`)
  }

  raw(text: string): this {
    appendFileSync(this.file, text)
    return this
  }

  /** The log of a child process of this one. */
  child(name: string): StoryLog {
    return new StoryLog(join(`${this.file}.agents`, `${name}.jsonl`))
  }

  /** Puts a content beside the log, as the writer does, and returns what a line says of it. */
  artifact(content: string | Buffer): { ref: string; bytes: number } {
    const bytes = Buffer.from(content)
    const ref = createHash('sha256').update(bytes).digest('hex')
    mkdirSync(dirname(this.artifactPath(ref)), { recursive: true })
    writeFileSync(this.artifactPath(ref), bytes)
    return { ref, bytes: bytes.length }
  }

  artifactPath(ref: string): string {
    return join(`${this.file}.artifacts`, ref.slice(0, 2), ref)
  }
}

/**
 * A god that a person asks, its child in a process of its own that asks the human, and the answers. Its clocks are
 * one. Lines of the parent: 1 to 10; of the child: 1 to 7.
 */
export function cleanUp(folder: string): { main: StoryLog; child: StoryLog } {
  const main = new StoryLog(join(folder, 'hive.jsonl'))
    .at(0, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 1, host: 'h' })
    .at(10, 'spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .at(20, 'message', { from: 'human', to: 'god', act: 'request', subject: 'Clean up', id: 'm-0' })
    .at(30, 'drain', { agentId: 'lead', count: 1, ids: ['m-0'] })
    .at(40, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead' })
    .at(50, 'message', { from: 'lead', to: 'coder', act: 'request', subject: 'Need the schema', id: 'm-1' })
    .at(55, 'message', { from: 'lead', to: 'broadcast', act: 'inform', subject: 'Standup', id: 'm-2' })
    .at(200, 'drain', { agentId: 'lead', count: 1, ids: ['m-3'] })
    .at(210, 'approval', { id: 'e-1', approve: false, by: 'ana', note: 'no backup' })
    .at(300, 'exit', { agentId: 'coder', status: 'error', error: 'gave up' })
  const child = main
    .child('coder')
    .at(60, 'log.open', { format: 1, segment: 1, writer: 'test/1', pid: 2, host: 'h' })
    .at(70, 'drain', { agentId: 'coder', count: 2, ids: ['m-1', 'm-2'] })
    .at(80, 'usage', { agentId: 'coder', model: 'x', inputTokens: 1000, outputTokens: 100, costUsd: 0.25 })
    .at(90, 'message', {
      from: 'coder',
      to: 'lead',
      act: 'inform',
      subject: 'Here',
      id: 'm-3',
      inReplyTo: 'm-1',
    })
    .at(100, 'escalate', { from: 'coder', to: 'human', subject: 'Drop users?', id: 'e-1' })
    .at(110, 'message', { from: 'coder', to: 'lead', act: 'query', subject: 'And now?', id: 'm-4' })
    .at(120, 'tool', { agentId: 'coder', name: 'grep', ok: true })
  return { main, child }
}
