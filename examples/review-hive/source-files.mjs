/** Finds source files, and shares them out among reviewers. */
import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { groupBy } from './group-by.mjs'

const EXTENSIONS = new Set('.ts .mts .cts .tsx .js .mjs .cjs .jsx .py .sh .rb .go .rs .java'.split(' '))
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'vendor', 'coverage', '__pycache__'])
/** Larger files are generated. */
const MAX_BYTES = 512 * 1024
/** What can be reviewed in the time that a person watches. */
const MAX_FILES = 1_000

/**
 * Source files at and under the paths: `{ path, bytes }`, by path.
 * @throws {Error} when a path is missing or there are no source files
 */
export function findSources(paths) {
  const found = new Map()
  for (const path of paths) {
    for (const file of walk(path, true)) found.set(file.path, file)
  }
  if (found.size === 0) throw new Error(`no source files in ${paths.join(', ')}; name another folder`)
  if (found.size > MAX_FILES) {
    throw new Error(
      `${found.size} source files are too many for a demo (${MAX_FILES}); name a folder further down`,
    )
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function* walk(path, isNamed = false) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) {
    // A link to nowhere inside a folder is no reason to stop.
    if (isNamed) throw new Error(`there is no ${path}`)
  } else if (stats.isDirectory()) {
    const entries = readdirSync(path, { withFileTypes: true })
    for (const entry of entries) {
      const isHidden = entry.name.startsWith('.') || SKIPPED.has(entry.name)
      // A linked folder could lead round in a circle.
      if (!isHidden && !entry.isSymbolicLink()) yield* walk(join(path, entry.name))
    }
  } else if (stats.isFile() && EXTENSIONS.has(extname(path)) && stats.size <= MAX_BYTES) {
    yield { path, bytes: stats.size }
  }
}

/**
 * Deals the files out to `count` reviewers or fewer, by folder, about the same number of bytes each:
 * `{ id, folders: { name, paths }[], files }`. The largest folder gives the area its id.
 */
export function shareOut(sources, count) {
  const folders = groupBy(sources, ({ path }) => dirname(path))
  // A project of one folder is dealt out file by file.
  const units = folders.size < count ? groupBy(sources, ({ path }) => path) : folders
  const bySize = [...units]
    .map(([name, files]) => ({ name, files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }))
    .sort((a, b) => b.bytes - a.bytes)
  const areas = []
  for (const folder of bySize) {
    const lightest = areas.reduce((least, area) => (area.bytes < least.bytes ? area : least), areas[0])
    const area = areas.length < count ? { id: freeId(folder.name, areas), bytes: 0, folders: [] } : lightest
    if (area !== lightest) areas.push(area)
    area.bytes += folder.bytes
    area.folders.push({ name: folder.name, paths: folder.files.map(({ path }) => path) })
  }
  return areas.map(({ id, folders }) => ({ id, folders, files: folders.flatMap(({ paths }) => paths) }))
}

function freeId(path, areas) {
  const taken = new Set(['lead', 'human', 'broadcast', ...areas.map(({ id }) => id)])
  const name = basename(path, extname(path))
  let id = name
  for (let n = 2; taken.has(id); n++) id = `${name}-${n}`
  return id
}
