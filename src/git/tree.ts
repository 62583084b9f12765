/** Puts together the tree of a commit: what HEAD holds, with the log's files and the user's paths as they are now. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { isLink, LINK, type TellNotOwn, tellNotOwn } from '../disk/own-files.js'
import { agentsFolder, artifactsFolder } from '../format/beside.js'
import { CommitError } from './errors.js'
import { excludingPathspecs, isPlaceOf, kindOfFile, plainOf, settledPathspecs } from './log-files.js'
import type { Head, Repository } from './repository.js'
import type { Git } from './run.js'

/** What of a log is to be committed. */
export interface Scope {
  /** Name of the log in git's folder. */
  name: string
  live: boolean
  artifacts: boolean
  agents: boolean
}

export interface SettledFiles {
  added: string[]
  removed: string[]
}

/** Archived segments and artifacts that HEAD does not hold, and those that it holds and the disk does not. */
export async function settledChanges(
  git: Git,
  { name, artifacts, agents }: Scope,
  env: Record<string, string>,
  onNotOwn: TellNotOwn,
): Promise<SettledFiles> {
  const specs = ['--', ...settledPathspecs(name, artifacts, agents)]
  const list = async (which: string): Promise<string[]> => {
    const { stdout } = await git.run(['ls-files', '-z', which, ...specs], { env })
    return stdout.toString('utf8').split('\0').slice(0, -1)
  }
  const gone = new Set(await list('--deleted'))
  const others: string[] = []
  for (const path of await list('--others')) {
    const whole = join(git.context.cwd, path)
    // A link to a folder is listed as a file.
    if (isPlaceOf(name, path) && isLink(whole)) tellNotOwn(onNotOwn, whole, LINK)
    else if (isSettled(name, path)) others.push(path)
  }
  const added: string[] = []
  for (const path of others) {
    const plain = plainOf(path)
    if (plain !== undefined) {
      if (await isThere(join(git.context.cwd, plain))) continue
      // Compressed between the two lists, it is in the first one not yet.
      gone.add(plain)
    }
    added.push(path)
  }
  return { added, removed: [...gone].filter((path) => kindOfFile(name, path) !== undefined) }
}

function isSettled(name: string, path: string): boolean {
  const kind = kindOfFile(name, path)
  return kind === 'archived' || kind === 'artifact'
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Which of these files the user's attributes send through a filter. */
export async function filteredAmong(git: Git, paths: readonly string[]): Promise<Set<string>> {
  if (paths.length === 0) return new Set()
  const { stdout } = await git.run(['check-attr', '-z', '--stdin', 'filter'], {
    input: paths.map((path) => `${path}\0`).join(''),
  })
  const fields = stdout.toString('utf8').split('\0')
  const filtered = new Set<string>()
  for (let i = 0; i + 2 < fields.length; i += 3) {
    if (fields[i + 2] !== 'unspecified' && fields[i + 2] !== 'unset') filtered.add(fields[i] as string)
  }
  return filtered
}

/** A note when a checkout of `name` here could change its bytes. */
export async function lineEndingNote(git: Git, name: string): Promise<string | undefined> {
  const { stdout } = await git.run(['check-attr', '-z', 'text', '--', name])
  const text = stdout.toString('utf8').split('\0')[2]
  if (text === 'unset') return undefined
  if (text === 'unspecified') {
    const { text: autocrlf } = await git.run(['config', '--get', 'core.autocrlf'], { ok: [0, 1] })
    if (autocrlf.toLowerCase() !== 'true') return undefined
  }
  return `git may change the line endings of ${name} when it checks it out, which breaks its seals; add the lines "*.jsonl -text" and "*.artifacts/** -text" to .gitattributes`
}

/**
 * Of the log's files and folders, those that a `.gitignore` names. They are told as `./NAME`, since git takes them for
 * pathspecs, and a name may begin with its magic.
 * @throws {CommitError} when the log itself is one
 */
export async function ignoredOf(git: Git, name: string): Promise<Set<string>> {
  const { stdout } = await git.run(['check-ignore', '-z', '--verbose', '--stdin'], {
    input: [name, artifactsFolder(name), agentsFolder(name)].map((path) => `./${path}\0`).join(''),
    ok: [0, 1],
  })
  const fields = stdout.toString('utf8').split('\0')
  const ignored = new Set<string>()
  for (let i = 0; i + 3 < fields.length; i += 4) {
    const [source, line, pattern = '', found] = fields.slice(i, i + 4)
    if (found === undefined || pattern.startsWith('!')) continue
    const path = found.replace(/^\.\//, '')
    if (path === name) {
      throw new CommitError(
        'ignored',
        `${name} is ignored by "${pattern}" in ${source}, line ${line}; take it out there, or run once: git add --force '${name}'`,
      )
    }
    ignored.add(path)
  }
  return ignored
}

/** Adds the user's paths to an index. Returns notes on those that there is nothing of. */
export async function addPaths(
  git: Git,
  name: string,
  { prefix }: Repository,
  paths: readonly string[],
  env: Record<string, string>,
): Promise<string[]> {
  const notes: string[] = []
  const excluding = excludingPathspecs(name, prefix)
  for (const path of paths) {
    try {
      await git.run(['add', '--all', '--', path, ...excluding], { env })
    } catch (error) {
      const { message } = error as Error
      if (/did not match any file/.test(message)) notes.push(`there is nothing at the path ${path}`)
      else if (/are ignored by one of your/.test(message))
        notes.push(`the path ${path} is ignored by a .gitignore`)
      else throw error
    }
  }
  return notes
}

export interface Entry {
  mode: string
  oid: string
  path: Buffer
}

/** Entries as `git update-index --index-info` reads them. */
export function indexInfo(entries: readonly Entry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ mode, oid, path }) => [Buffer.from(`${mode} ${oid}\t`), path, Buffer.from([0])]),
  )
}

/** How a tree differs from HEAD's, an entry a path; a removed one has mode 0. */
export async function changesSince(git: Git, { commit }: Head, tree: string): Promise<Entry[]> {
  const base = commit ?? (await git.run(['hash-object', '-t', 'tree', '--stdin'], { input: '' })).text
  const { stdout } = await git.run([
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--no-abbrev',
    '--no-renames',
    base,
    tree,
  ])
  const fields = stdout.toString('latin1').split('\0')
  const entries: Entry[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [, mode = '0', , oid = ''] = (fields[i] as string).slice(1).split(' ')
    entries.push({ mode, oid, path: Buffer.from(fields[i + 1] as string, 'latin1') })
  }
  return entries
}
