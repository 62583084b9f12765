/**
 * Claude Code keeps what is said in files of its own: one for a run, and one for each sub-agent beside it, a line of
 * JSON a message. They are read where its logs are not ours to ask for: they have the tokens of each answer, and what
 * sub-agents of sub-agents do, which its pipes do not tell.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readField } from '../../format/fields.js'
import { textIn } from '../reading.js'
import { JsonLines } from './json-lines.js'

/** Bytes that are read of one file at a time, and of what was in it before. */
const MAX_PIECE = 1024 * 1024
/** Folders of other projects among which one is looked for. */
const MAX_FOLDERS = 2_000

/** Times that its folder is looked for: it is there once something was said. */
const MAX_SEARCHES = 100

interface Source {
  /** Within the project's folder. */
  readonly name: string
  readonly lines: JsonLines
  /** Bytes that were read; `undefined` before the first time. */
  offset: number | undefined
}

export class Transcripts {
  #folder: string
  #take: (message: unknown, agentId: string | undefined) => void
  #cwd = ''
  #session = ''
  #project: string | undefined
  #searches = 0
  /** What was said before is of a run that was taken up again. */
  #since = Date.now()
  /** By id of the sub-agent; that of the run itself has none. */
  #sources = new Map<string, Source>()
  #reading: Promise<void> | undefined

  /**
   * @param environment that of Claude Code: `NAME=value`
   * @param take gets each message of an `assistant`, and each `user` one, with the id of the sub-agent whose it is
   */
  constructor(environment: readonly string[], take: (message: unknown, agentId: string | undefined) => void) {
    this.#folder = join(configFolder(environment), 'projects')
    this.#take = take
  }

  /** The run has begun, or goes on under another id. */
  begin(message: unknown): void {
    const session = textIn(message, 'session_id') ?? ''
    if (!isName(session) || session === this.#session) return
    this.#session = session
    this.#cwd = textIn(message, 'cwd') ?? ''
    this.#project = undefined
    this.#searches = 0
    this.#sources.clear()
    this.#add('', `${session}.jsonl`)
  }

  /** A sub-agent has begun. */
  beginSub(agentId: string): void {
    if (this.#session === '' || !isName(agentId)) return
    this.#add(agentId, join(this.#session, 'subagents', `agent-${agentId}.jsonl`))
  }

  endSub(agentId: string): void {
    this.#sources.delete(agentId)
  }

  /** Reads what is new. */
  look(): Promise<void> {
    this.#reading ??= this.#look().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** The same at once: for the end of the process. */
  lookNow(): void {
    for (const { path, source } of this.#known()) {
      let file: number | undefined
      try {
        file = openSync(path, 'r')
        const { begin, length } = unread(source, fstatSync(file).size)
        const bytes = Buffer.alloc(length)
        took(source, begin, bytes, readSync(file, bytes, 0, length, begin))
      } catch {
        // Not written yet, or never.
      } finally {
        if (file !== undefined) closeSync(file)
      }
    }
  }

  async #look(): Promise<void> {
    for (const { path, source } of this.#known()) {
      let file: FileHandle | undefined
      try {
        file = await open(path, 'r')
        const { begin, length } = unread(source, (await file.stat()).size)
        if (length === 0) continue
        const bytes = Buffer.alloc(length)
        took(source, begin, bytes, (await file.read(bytes, 0, length, begin)).bytesRead)
      } catch {
        // Not written yet, or never.
      } finally {
        await file?.close()
      }
    }
  }

  #add(agentId: string, name: string): void {
    if (this.#sources.has(agentId)) return
    const lines = new JsonLines((message) => {
      const type = textIn(message, 'type')
      if ((type !== 'assistant' && type !== 'user') || this.#isPast(message)) return
      this.#take(message, agentId || undefined)
    })
    this.#sources.set(agentId, { name, lines, offset: undefined })
  }

  #isPast(message: unknown): boolean {
    return Date.parse(textIn(message, 'timestamp') ?? '') < this.#since
  }

  #known(): { path: string; source: Source }[] {
    this.#project ??= this.#findProject()
    const project = this.#project
    if (project === undefined) return []
    return [...this.#sources.values()].map((source) => ({ path: join(project, source.name), source }))
  }

  /** Claude Code names it for the folder in which it runs; of a long name it keeps the beginning. */
  #findProject(): string | undefined {
    if (this.#session === '' || this.#searches >= MAX_SEARCHES) return undefined
    this.#searches++
    const file = `${this.#session}.jsonl`
    const likely = join(this.#folder, this.#cwd.replace(/[^a-zA-Z0-9]/g, '-'))
    if (existsSync(join(likely, file))) return likely
    try {
      return readdirSync(this.#folder)
        .slice(0, MAX_FOLDERS)
        .map((name) => join(this.#folder, name))
        .find((folder) => existsSync(join(folder, file)))
    } catch {
      return undefined
    }
  }
}

/** It becomes a part of a path: nothing else may come of it. */
const isName = (id: string): boolean => /^[\w-]{1,100}$/.test(id)

/** Of a run that is taken up again, what is long past is passed over. */
function unread({ offset }: Source, size: number): { begin: number; length: number } {
  const begin = offset ?? Math.max(0, size - MAX_PIECE)
  return { begin, length: Math.max(0, Math.min(MAX_PIECE, size - begin)) }
}

function took(source: Source, begin: number, bytes: Buffer, length: number): void {
  source.offset = begin + length
  source.lines.add(bytes.subarray(0, length))
}

/** Where Claude Code keeps its files. */
export function configFolder(environment: readonly string[]): string {
  const value = (name: string): string | undefined =>
    environment.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) || undefined
  return value('CLAUDE_CONFIG_DIR') ?? join(value('HOME') ?? value('USERPROFILE') ?? homedir(), '.claude')
}

/** Whether an answer in a transcript is whole: only then are its tokens those of all of it. */
export const isWhole = (message: unknown): boolean =>
  textIn(readField(message, 'message'), 'stop_reason') !== undefined
