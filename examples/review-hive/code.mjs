/**
 * Source text made ready for the checks. No parser: strings and comments are blanked out and brackets matched, which
 * is enough to find true things, and small enough to read.
 */
import { extname } from 'node:path'

const BRACES = new Set('.ts .mts .cts .tsx .js .mjs .cjs .jsx .go .rs .java'.split(' '))

/** Comments, strings, and regular expressions, where a slash cannot be a division. */
const BRACES_TOKENS =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/(?<=(?:[=(,:[!&|?{};>\n]|return)\s*\/)(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g
const HASH_TOKENS = /#[^\n]*|"""[\s\S]*?"""|'''[\s\S]*?'''|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g

/**
 * @returns `{ path, text, code, blocks, lineOf }`; `code` is `text` with what is no code blanked out, place by place
 */
export function prepare(path, text) {
  const hasBraces = BRACES.has(extname(path))
  const code = text.replace(hasBraces ? BRACES_TOKENS : HASH_TOKENS, blank)
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  const lineOf = (offset) => upperBound(starts, offset)
  return { path, text, code, lines: starts.length, lineOf, blocks: hasBraces ? blocksOf(code) : [] }
}

/** Keeps length and lines, and the quotes of a string, so that it still shows as a value. */
function blank(token) {
  const isComment = /^(?:\/[/*]|#)/.test(token)
  const inner = token.replace(/[^\n]/g, ' ')
  return isComment ? inner : token[0] + inner.slice(1, -1) + token.at(-1)
}

function upperBound(sorted, value) {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** People write no longer text before a block. */
const LONGEST_HEAD = 2_000

/** Each pair of braces: `{ kind, name, isAsync, start, end }`, kind `function`, `loop`, `catch` or `other`. */
function blocksOf(code) {
  const blocks = []
  const open = []
  let headStart = 0
  let parentheses = 0
  for (let at = 0; at < code.length; at++) {
    const c = code[at]
    if (c === '(') parentheses++
    else if (c === ')') parentheses--
    else if (c === '{') {
      open.push({
        ...headOf(code.slice(Math.max(headStart, at - LONGEST_HEAD), at).trimEnd()),
        headStart,
        start: at,
        parentheses,
      })
      parentheses = 0
      headStart = at + 1
    } else if (c === '}' && open.length > 0) {
      const block = open.pop()
      parentheses = block.parentheses
      blocks.push({ ...block, end: at })
      // Within parentheses the head goes on: `function f({ a, b }) {`.
      headStart = parentheses > 0 ? block.headStart : at + 1
    } else if (c === ';' && parentheses === 0) headStart = at + 1
  }
  return blocks
}

/** What kind of block follows on this text. */
function headOf(head) {
  if (head.endsWith('=>')) {
    const name = /([\w$]+)\s*(?::[^=]*)?=\s*(?:async\b)?[^=]*=>$/.exec(head)?.[1] ?? 'arrow function'
    return { kind: 'function', name, isAsync: /\basync\b[^=]*=>$/.test(head) }
  }
  if (/\bcatch$/.test(head)) return { kind: 'catch' }
  if (/\bdo$/.test(head)) return { kind: 'loop' }
  // `name(…): Type`, or without the type.
  const end = /\)(?:\s*:\s*[^(){};]+)?$/.exec(head)?.index
  if (end === undefined) return { kind: 'other' }
  let start = end
  for (let depth = 0; start >= 0; start--) {
    if (head[start] === ')') depth++
    else if (head[start] === '(' && --depth === 0) break
  }
  const before = /([\w$#]+)\s*(?:<[^()]*>)?\s*$/.exec(head.slice(0, Math.max(start, 0)))
  const word = before?.[1] ?? ''
  if (word === 'for' || word === 'while' || word === 'await') return { kind: 'loop' }
  if (word === 'catch') return { kind: 'catch' }
  if (['', 'if', 'switch', 'with'].includes(word)) return { kind: 'other' }
  const isAsync = /\basync\b[^\n]*$/.test(head.slice(0, start)) || /Promise</.test(head.slice(end))
  return { kind: 'function', name: word, isAsync }
}
