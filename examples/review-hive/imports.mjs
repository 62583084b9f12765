/** What files use of each other, and what a function does that its users should know. */
import { dirname, extname, join } from 'node:path'
import { isInLoop } from './checks.mjs'

const IMPORT = /\bimport\s+(?:type\s)?\{([^}]*)\}\s*from\s*['"](\.[^'"]+)['"]/g

/**
 * Calls of imported functions that may need care: results that nobody takes, and calls in loops.
 * @param isFile tells whether a path is one of the files under review
 * @returns `{ name, from, line, offset, isBare, isInLoop }`, `from` the path of the file that is imported
 */
export function delicateCalls(file, isFile) {
  const calls = []
  for (const [, names, specifier] of file.text.matchAll(IMPORT)) {
    const from = resolve(file.path, specifier, isFile)
    if (from === undefined) continue
    for (const name of names.split(',').map(localName)) {
      if (!/^[a-z]\w*$/.test(name)) continue
      for (const { index } of file.code.matchAll(new RegExp(`(?<![\\w.$])${name}\\(`, 'g'))) {
        const call = {
          name,
          from,
          line: file.lineOf(index),
          offset: index,
          isBare: isBare(file.code, index),
          isInLoop: isInLoop(file, index),
        }
        if (call.isBare || call.isInLoop) calls.push(call)
      }
    }
  }
  return calls
}

/** What a file's function does: `{ isAsync, blocks }`, `blocks` naming its first synchronous I/O. */
export function factsOf(file, name) {
  const block = file.blocks.filter((each) => each.kind === 'function' && each.name === name).at(-1)
  if (block === undefined) return { isAsync: false }
  const blocks = /\b[a-z]\w*Sync(?=\s*\()/.exec(file.code.slice(block.start, block.end))?.[0]
  return { isAsync: block.isAsync, ...(blocks !== undefined && { blocks }) }
}

const localName = (text) => {
  const trimmed = text.trim()
  return trimmed.startsWith('type ') ? '' : trimmed.split(/\s+as\s+/).at(-1)
}

/** `./lock.js` in TypeScript may be lock.ts; a folder stands for its index. */
function resolve(importer, specifier, isFile) {
  const path = join(dirname(importer), specifier)
  const stem = path.slice(0, path.length - extname(path).length)
  const tries = [
    path,
    `${stem}.ts`,
    `${stem}.tsx`,
    `${stem}.mts`,
    `${path}.ts`,
    `${path}.js`,
    join(path, 'index.ts'),
    join(path, 'index.js'),
  ]
  return tries.find(isFile)
}

/** Whether the call is a statement of its own, so that nobody takes what it returns. */
function isBare(code, at) {
  const lineStart = code.lastIndexOf('\n', at) + 1
  if (code.slice(lineStart, at).trim() !== '') return false
  return !/(?:[(,=+?:&|[<>.]|\breturn|\bawait|\bvoid)\s*$/.test(code.slice(0, lineStart))
}
