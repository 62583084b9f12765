/**
 * Where in a store the copies of a session lie. That of a child process's log lies in the `.agents` folder of the copy of
 * the log above it, as the logs themselves do, so that whoever reads a copy reads its hive:
 *
 *     <store>/<session>/<log id>.jsonl
 *     <store>/<session>/<log id>.jsonl.agents/<id of the child's log>.jsonl
 *
 * It may be there before the one above it. A copy stays where it was begun, whatever is said of it later.
 */
import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { agentsFolder, childLogOf, MAX_ABOVE, parseArchiveName, stemOf } from '../format/beside.js'
import { BoundedMap } from '../format/bounded-map.js'
import { isLogId } from '../format/seal.js'

/** Sessions whose copies are known without looking. */
const MAX_SESSIONS = 1_000

/** Of which log something is, with names that were looked at. */
export interface CopyName {
  /** Name of the folder, see `isStorable`. */
  session: string
  /** The log's id: 16 hex digits. */
  log: string
  /** Ids of the logs above that of a child process, the hive's own first. Default: it is no child's. */
  above?: readonly string[]
}

export class CopyPlaces {
  readonly #root: string
  readonly #sessions = new BoundedMap<Map<string, string>>(MAX_SESSIONS)

  constructor(root: string) {
    this.#root = root
  }

  /** Path of a copy, or the one that it would get. */
  pathOf({ session, log, above = [] }: CopyName): string {
    const known = this.#of(session).get(log)
    if (known !== undefined) return known
    const folder = above.reduce(
      (path, id) => agentsFolder(join(path, `${id}.jsonl`)),
      join(this.#root, session),
    )
    return join(folder, `${log}.jsonl`)
  }

  /** Path of a copy that is about to be begun, if it is not there: another sender, who may know less of its hive, finds it. */
  begin(name: CopyName): string {
    const path = this.pathOf(name)
    this.#of(name.session).set(name.log, path)
    return path
  }

  /** What became of `begin`. @param isThere whether there is a copy */
  settle({ session, log }: CopyName, path: string, isThere: boolean): void {
    const copies = this.#of(session)
    if (isThere) copies.set(log, path)
    else if (copies.get(log) === path) copies.delete(log)
  }

  #of(session: string): Map<string, string> {
    let copies = this.#sessions.get(session)
    if (copies === undefined) {
      copies = new Map()
      addCopies(join(this.#root, session), copies)
      this.#sessions.set(session, copies)
    }
    return copies
  }
}

/** @throws what the system says of a folder that is there and cannot be listed: a second copy would be begun */
function addCopies(folder: string, copies: Map<string, string>, depth = 0): void {
  const below: string[] = []
  for (const { name } of entriesOf(folder)) {
    const log = childLogOf(name) ?? archivedLog(name)
    if (log === undefined || !isLogId(stemOf(log))) continue
    if (name.endsWith('.agents')) below.push(join(folder, name))
    else if (!copies.has(stemOf(log))) copies.set(stemOf(log), join(folder, log))
  }
  if (depth < MAX_ABOVE) for (const each of below) addCopies(each, copies, depth + 1)
}

/** Between the two steps of a rotation there is only the archived segment. */
function archivedLog(name: string): string | undefined {
  const parsed = parseArchiveName(name)
  return parsed && `${parsed.stem}.jsonl`
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
