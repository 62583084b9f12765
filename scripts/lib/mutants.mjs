/**
 * The small changes that `scripts/mutate.mjs` puts into compiled code, one at a time. Each is a replacement of a
 * range of the text by another one, such that the result is a program still.
 */
import { parse } from 'acorn'

/**
 * @typedef {object} Mutant
 * @property {number} start offset in the text
 * @property {number} end
 * @property {string} with what the range is replaced by
 * @property {string} op the operator that made it
 */

/** Bounds by one; what is the opposite is tried as the condition's outcomes. */
const SWAPPED = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '&': '|',
  '|': '&',
  '>>>': '<<',
}
const ASSIGNED = { '+=': '-=', '-=': '+=', '??=': '=', '||=': '=' }
/** Methods whose call gives the object itself when it is left out. */
const LEFT_OUT = new Set(['reverse', 'sort', 'toSorted', 'filter', 'slice', 'trim', 'unref', 'toLowerCase'])
const RENAMED = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
])
/** Texts that programs agree on: names of environment variables, codes of errors, names of attributes and kinds. */
const AGREED = /^([A-Z][A-Z0-9_]{3,}|[a-z]+([._-][a-z]+)+)$/

/**
 * All mutants of a module, in the order of the text.
 * @param {string} text
 * @returns {Mutant[]}
 */
export function mutantsOf(text) {
  const found = new Map()
  const add = (start, end, replacement, op) => {
    const key = `${start}-${end} ${replacement}`
    if (text.slice(start, end) !== replacement && !found.has(key)) {
      found.set(key, { start, end, with: replacement, op })
    }
  }
  walk(parse(text, { ecmaVersion: 'latest', sourceType: 'module' }), [], (node, above) => {
    OPERATORS[node.type]?.({ node, above, parent: above.at(-1), text, add })
  })
  return [...found.values()].sort((a, b) => a.start - b.start || a.end - b.end || (a.with < b.with ? -1 : 1))
}

/** @param {string} text @param {Mutant} mutant */
export const applied = (text, mutant) => text.slice(0, mutant.start) + mutant.with + text.slice(mutant.end)

/** Visits every node, with the nodes above it. Messages to people and module names are left as they are. */
function walk(node, above, visit) {
  if (isSaying(node)) {
    visit(node, above)
    return
  }
  if (node.type.startsWith('Import') || (node.type.startsWith('Export') && node.source)) return
  visit(node, above)
  const under = [...above, node]
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk(child, under, visit)
    }
  }
}

/** `diag.error(…)` and the like: whether it is said matters, in which words does not. */
const isSaying = ({ type, callee }) =>
  type === 'CallExpression' && callee.type === 'MemberExpression' && callee.object.name === 'diag'

const isText = ({ type, value }) =>
  type === 'TemplateLiteral' || (type === 'Literal' && typeof value === 'string')
const isFunction = ({ type }) => /Function/.test(type)
const raw = (text, { start, end }) => text.slice(start, end)

/** Both outcomes of a condition; a loop without an end is only a time-out. */
function condition({ node, text, add }) {
  const { test } = node
  if (!test) return
  const isLoop = /While|For/.test(node.type)
  if (!isLoop && raw(text, test) !== 'true') add(test.start, test.end, 'true', 'condition')
  if (raw(text, test) !== 'false') add(test.start, test.end, 'false', 'condition')
}

function emptied(block, add) {
  if (block?.type === 'BlockStatement' && block.body.length > 0)
    add(block.start, block.end, '{}', 'empty block')
}

function functionBody({ node, parent, add }) {
  if (node.body.type !== 'BlockStatement') {
    // An object literal begins like a block, so the parentheses around it are not part of it.
    add(node.body.start, node.body.end, 'undefined', 'return nothing')
    return
  }
  const isConstructor = parent?.type === 'MethodDefinition' && parent.kind === 'constructor'
  if (!isConstructor) emptied(node.body, add)
}

const OPERATORS = {
  IfStatement: condition,
  ConditionalExpression: condition,
  WhileStatement: condition,
  DoWhileStatement: condition,
  ForStatement: (at) => {
    condition(at)
    emptied(at.node.body, at.add)
  },
  ForOfStatement: ({ node, add }) => emptied(node.body, add),
  ForInStatement: ({ node, add }) => emptied(node.body, add),
  CatchClause: ({ node, add }) => emptied(node.body, add),
  TryStatement: ({ node, add }) => emptied(node.finalizer, add),
  FunctionDeclaration: functionBody,
  FunctionExpression: functionBody,
  ArrowFunctionExpression: functionBody,
  ReturnStatement({ node, add }) {
    if (node.argument) add(node.argument.start, node.argument.end, 'undefined', 'return nothing')
  },
  ThrowStatement: ({ node, add }) => add(node.start, node.end, ';', 'remove statement'),
  ExpressionStatement({ node, above, add }) {
    const { expression } = node
    const inner = expression.type === 'AwaitExpression' ? expression.argument : expression
    const isSuper = inner.type === 'CallExpression' && inner.callee.type === 'Super'
    const isModule = above.every((each) => !isFunction(each))
    if (/^(Call|Assignment|Update|Unary)/.test(inner.type) && !isSuper && !isModule) {
      add(node.start, node.end, ';', 'remove statement')
    }
  },
  BinaryExpression({ node, parent, text, add }) {
    const { left, right, operator } = node
    const other = SWAPPED[operator]
    // Texts are put together with + too.
    if (other === undefined || (operator === '+' && (isText(left) || isText(right)))) return
    if (/^[!=]/.test(operator) && parent?.test === node) return
    add(node.start, node.end, `${raw(text, left)} ${other} ${raw(text, right)}`, `${operator} to ${other}`)
  },
  LogicalExpression({ node, text, add }) {
    add(node.start, node.end, `(${raw(text, node.left)})`, `${node.operator} to its left`)
    add(node.start, node.end, `(${raw(text, node.right)})`, `${node.operator} to its right`)
  },
  UnaryExpression({ node, text, add }) {
    if (node.operator === '!' || node.operator === '-')
      add(node.start, node.end, `(${raw(text, node.argument)})`, `remove ${node.operator}`)
  },
  UpdateExpression({ node, text, add }) {
    const other = node.operator === '++' ? '--' : '++'
    const target = raw(text, node.argument)
    add(node.start, node.end, node.prefix ? other + target : target + other, `${node.operator} to ${other}`)
  },
  AssignmentExpression({ node, text, add }) {
    const other = ASSIGNED[node.operator]
    if (other === undefined) return
    add(
      node.start,
      node.end,
      `${raw(text, node.left)} ${other} ${raw(text, node.right)}`,
      `${node.operator} to ${other}`,
    )
  },
  AwaitExpression({ node, parent, text, add }) {
    if (parent?.type === 'ForOfStatement') return
    add(node.start, node.end, `(${raw(text, node.argument)})`, 'remove await')
  },
  CallExpression({ node, text, add }) {
    const { callee } = node
    if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') return
    const { name } = callee.property
    const object = raw(text, callee.object)
    if (object === 'Math' && (name === 'min' || name === 'max') && node.arguments.length === 2) {
      for (const argument of node.arguments) {
        if (argument.type !== 'SpreadElement')
          add(node.start, node.end, `(${raw(text, argument)})`, `remove Math.${name}`)
      }
      return
    }
    if (LEFT_OUT.has(name)) add(node.start, node.end, `(${object})`, `remove ${name}`)
    const other = RENAMED.get(name)
    if (other !== undefined) add(callee.property.start, callee.property.end, other, `${name} to ${other}`)
  },
  Literal({ node, parent, add }) {
    const { value, start, end } = node
    if (typeof value === 'boolean') add(start, end, String(!value), 'constant')
    else if (typeof value === 'number') add(start, end, value === 0 ? '1' : '0', 'constant')
    else if (typeof value === 'string') {
      const isCompared = /^[!=]/.test(parent?.operator ?? '') || parent?.type === 'SwitchCase'
      const isDirective = parent?.type === 'ExpressionStatement'
      if (isDirective || !(AGREED.test(value) || isCompared)) return
      add(start, end, "'mutated'", 'constant')
    }
  },
}
