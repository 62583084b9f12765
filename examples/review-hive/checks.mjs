/**
 * What a reviewer looks for in one file. A check finds offsets; its level says what follows: a `note` goes into the
 * notebook, a `warning` to the lead as well, a `risk` to the human.
 */

const LONG_FILE = 300
const LONG_FUNCTION = 60
const SYNC_IO = /\b[a-z]\w*Sync\s*\(/g
const EVALUATION = /(?<![\w.$-])(?:eval\s*\(|new Function\s*\(|vm\.run\w+\()/g
const UNCHECKED_TLS =
  /\brejectUnauthorized:\s*false|\bverify\s*=\s*False|\bcurl\b[^\n]*\s(?:-k|--insecure)\b/g
const DELETION =
  /\b(?:rm|unlink|rmdir)(?:Sync)?\s*\(|\bshutil\.rmtree\(|\bos\.(?:remove|unlink)\(|(?<![\w-])rm -\w+/g
const BUILT_PATTERN = /\bnew RegExp\(\s*[a-z_$]/g
const LEFT_TO_DO = /\b(?:TODO|FIXME|XXX)\b/g

const LEVELS = {
  risk: [
    { id: 'secret', says: 'has a secret', find: secrets },
    { id: 'text-as-code', says: 'runs text as code', find: (file) => inCode(file, EVALUATION) },
    { id: 'shell', says: 'runs a command that is put together', find: builtCommands },
    {
      id: 'unchecked-tls',
      says: 'does not check who it talks to',
      find: (file) => inCode(file, UNCHECKED_TLS),
    },
    { id: 'deletes', says: 'deletes files', find: deletions },
    { id: 'built-pattern', says: 'builds a regular expression', find: (file) => inCode(file, BUILT_PATTERN) },
  ],
  warning: [
    { id: 'blocks-in-loop', says: 'does synchronous I/O in a loop', find: syncInLoops },
    { id: 'swallowed-error', says: 'swallows an error without a word', find: swallowedErrors },
    { id: 'endless-loop', says: 'has a loop that nothing ends', find: endlessLoops },
  ],
  note: [
    { id: 'long-file', says: `has more than ${LONG_FILE} lines`, find: longFile },
    { id: 'long-function', says: `has a function of more than ${LONG_FUNCTION} lines`, find: longFunctions },
    { id: 'todo', says: 'has something left to do', find: (file) => inComments(file, LEFT_TO_DO) },
  ],
}
const CHECKS = Object.entries(LEVELS).flatMap(([level, checks]) =>
  checks.map((check) => ({ level, ...check })),
)

/** Findings in a file: `{ check, level, says, path, line, lines, quote, tree }`, one a check, riskiest first. */
export function review(file) {
  const findings = []
  for (const { id, level, says, find } of CHECKS) {
    const offsets = find(file)
    if (offsets.length === 0) continue
    const lines = [...new Set(offsets.map(file.lineOf))].sort((a, b) => a - b)
    const quote = quoteAt(file, Math.min(...offsets))
    const tree = id === 'deletes' && /recursive: true|rmtree|rm -\w*r/.test(quote)
    findings.push({ check: id, level, says, path: file.path, line: lines[0], lines, quote, tree })
  }
  return findings
}

/** The rest of the line. */
export const quoteAt = ({ text }, offset) => text.slice(offset).split('\n', 1)[0].trim()

/** Whether a place is inside a loop, and not in a function that the loop only defines. */
export function isInLoop({ blocks }, at) {
  const around = blocks.filter(({ start, end }) => start < at && at < end).sort((a, b) => b.start - a.start)
  return around.find(({ kind }) => kind === 'loop' || kind === 'function')?.kind === 'loop'
}

const inCode = ({ code }, pattern) => [...code.matchAll(pattern)].map(({ index }) => index)

/** Matches in what is blanked out of the code. */
const inComments = ({ text, code }, pattern) =>
  [...text.matchAll(pattern)].map(({ index }) => index).filter((at) => code[at] === ' ')

/** Calls, not methods of that name. */
function deletions(file) {
  const isHead = (at) =>
    file.blocks.some(({ kind, headStart, start }) => kind === 'function' && headStart <= at && at < start)
  return inCode(file, DELETION).filter((at) => !isHead(at))
}

function syncInLoops(file) {
  return inCode(file, SYNC_IO).filter((at) => isInLoop(file, at))
}

function longFile({ lines }) {
  return lines > LONG_FILE ? [0] : []
}

function longFunctions({ blocks, lineOf }) {
  const isLong = ({ kind, start, end }) => kind === 'function' && lineOf(end) - lineOf(start) > LONG_FUNCTION
  return blocks.filter(isLong).map(({ start }) => start)
}

/** An empty `catch` that no comment explains. */
function swallowedErrors(file) {
  const { text, blocks } = file
  const empty = blocks.filter(
    ({ kind, start, end }) => kind === 'catch' && text.slice(start + 1, end).trim() === '',
  )
  const others = inCode(file, /\.catch\(\(\w*\) => \{\s*\}\)[ \t]*$|\bexcept[^\n]*:\s*pass\b/gm)
  const isExplained = (at) => /\/\/|\/\*/.test(text.split('\n', file.lineOf(at)).slice(-2).join('\n'))
  return [...empty.map(({ start }) => start), ...others.filter((at) => !isExplained(at))]
}

function endlessLoops({ code, blocks }) {
  const isEndless = ({ kind, headStart, start, end }) =>
    kind === 'loop' &&
    /(?:\bwhile \(true\)|\bfor \([^;]*;\s*;[^;]*\))\s*$/.test(code.slice(headStart, start)) &&
    !/\b(?:break|return|throw)\b/.test(code.slice(start, end))
  return blocks.filter(isEndless).map(({ start }) => start)
}

const SECRETS = [
  /\bAKIA[0-9A-Z]{16}\b/g,
  /\b(?:gh[pousr]_|sk-ant-|sk-proj-|xox[abp]-)[\w-]{20,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----\\?\n?[\w+/]{20}/g,
  /\b\w*(?:password|passwd|secret|api_?key|access_?token)\w*["']?\s*[:=]\s*["'](?=[^"'\s]*\d)[^"'\s]{12,}["']/gi,
]

function secrets({ text }) {
  return SECRETS.flatMap((shape) => [...text.matchAll(shape)].map(({ index }) => index))
}

/** A command line with something put into it. */
function builtCommands(file) {
  const isBuilt = (at) =>
    /\$\{|["'`]\s*\+|\bf["']|%\s*\(|shell:\s*true|shell=True/.test(
      file.text.slice(at, file.text.indexOf('\n', at)),
    )
  return inCode(
    file,
    /(?<![\w.])(?:exec|execSync|spawn|spawnSync)\s*\(|\bos\.system\(|\bsubprocess\.\w+\(/g,
  ).filter(isBuilt)
}
