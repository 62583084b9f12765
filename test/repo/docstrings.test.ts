/** Every public name says what it means: read from the types that ship, by the TypeScript compiler. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { before, test } from 'node:test'
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'
import { packageRoot } from '../kit/hive-support.js'

/** What a docstring of a number can say about its unit. */
const UNIT =
  /\b(milliseconds?|ms|bytes?|epoch|US dollars|number|position|count(s|ed)?|how (many|often)|seqs?|(process|port) id|ordinal|version|digits|HTTP status|ratio|share|percent|tokens?|events?|lines?|messages?|spans?|agents?|calls?|items?|files?|seals?|segments?|logs?|groups?|pairs?|rows?|findings?|escalations?|sessions?|traces?|values?|characters?|models?|requests?|waits?|retries|times|artifacts?|windows?|resources?|approvals?|exits?|commits?|prices?|USD)\b/i

/** The loosest type that a node of the compiler has here: its own differ by kind. */
type AnyNode = Node & {
  readonly name?: { readonly text: string }
  readonly members?: readonly AnyNode[]
  readonly modifiers?: readonly Node[]
  readonly parameters?: readonly AnyNode[]
  readonly postfixToken?: Node
  readonly questionToken?: Node
  readonly type?: AnyNode
  readonly types?: readonly AnyNode[]
  readonly jsDoc?: readonly Node[]
  readonly declarationList?: { readonly declarations: readonly AnyNode[] }
  readonly exportClause?: {
    readonly elements: readonly { name: { text: string }; propertyName?: { text: string } }[]
  }
  readonly moduleSpecifier?: { readonly text: string }
  readonly elementType?: AnyNode
  readonly typeArguments?: readonly AnyNode[]
}

interface Declared {
  /** `dist/…: Name`. */
  where: string
  node: AnyNode
  file: SourceFile
}

const root = packageRoot()
const dist = join(root, 'dist')
const DOORS = ['index', 'read', 'analyse']
let declared: Declared[]

before(() => {
  const folder = join(root, `.build-docstrings-${process.pid}`)
  mkdirSync(folder)
  const config = join(folder, 'tsconfig.json')
  const files = DOORS.map((door) => join(dist, `${door}.d.ts`))
  const compilerOptions = { noEmit: true, module: 'nodenext', skipLibCheck: true }
  writeFileSync(config, JSON.stringify({ compilerOptions, files }))
  const api = new API({ cwd: root })
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    assert.ok(project !== undefined)
    const sourceOf = (file: string): SourceFile => {
      const source = project.program.getSourceFile(file)
      assert.ok(source !== undefined, `${file} is compiled`)
      return source
    }
    const found = new Map<string, Declared>()
    for (const file of files) {
      for (const each of exportsOf(file, sourceOf)) found.set(each.where, each)
    }
    declared = [...found.values()]
  } finally {
    api.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** The declarations of all that a door passes on. */
function exportsOf(file: string, sourceOf: (file: string) => SourceFile): Declared[] {
  const statements = sourceOf(file).statements as readonly AnyNode[]
  return statements.flatMap((statement) => {
    if (statement.kind !== SyntaxKind.ExportDeclaration) return []
    const from = join(dirname(file), String(statement.moduleSpecifier?.text)).replace(/\.js$/, '.d.ts')
    const source = sourceOf(from)
    return (statement.exportClause?.elements ?? []).map(({ name, propertyName }) => {
      const wanted = (propertyName ?? name).text
      const node = (source.statements as readonly AnyNode[]).find((each) => namesOf(each).includes(wanted))
      assert.ok(node !== undefined, `${wanted} is declared in ${from}`)
      return { where: `${relative(root, from)}: ${wanted}`, node, file: source }
    })
  })
}

function namesOf(statement: AnyNode): string[] {
  if (statement.name !== undefined) return [statement.name.text]
  return (statement.declarationList?.declarations ?? []).map(({ name }) => String(name?.text))
}

const docOf = ({ node, file }: Declared): string =>
  (node.jsDoc ?? []).map(({ pos, end }) => file.text.slice(pos, end)).join('\n')

const isPrivate = ({ name, modifiers }: AnyNode): boolean =>
  name === undefined ||
  name.text.startsWith('#') ||
  (modifiers ?? []).some(
    ({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.OverrideKeyword,
  )

/** Fields, methods and accessors, those of objects within included. */
function membersOf({ where, node, file }: Declared): Declared[] {
  return bodiesOf(node).flatMap((member) => {
    if (isPrivate(member)) return []
    const own = { where: `${where}.${member.name?.text}`, node: member, file }
    return [own, ...membersOf({ ...own, node: member.type ?? member })]
  })
}

/** The members that a declaration or a type writes out itself. */
function bodiesOf(node: AnyNode): readonly AnyNode[] {
  switch (node.kind) {
    case SyntaxKind.InterfaceDeclaration:
    case SyntaxKind.ClassDeclaration:
    case SyntaxKind.TypeLiteral:
      return node.members ?? []
    case SyntaxKind.TypeAliasDeclaration:
      return node.type === undefined ? [] : bodiesOf(node.type)
    case SyntaxKind.UnionType:
    case SyntaxKind.IntersectionType:
      return (node.types ?? []).flatMap(bodiesOf)
    case SyntaxKind.ParenthesizedType:
      return node.type === undefined ? [] : bodiesOf(node.type)
    case SyntaxKind.ArrayType:
      return node.elementType === undefined ? [] : bodiesOf(node.elementType)
    default:
      return []
  }
}

const isNumber = (type: AnyNode | undefined): boolean =>
  type?.kind === SyntaxKind.NumberKeyword ||
  (type?.kind === SyntaxKind.UnionType && (type.types ?? []).some(isNumber))

/** A literal says itself: the `type` that tells one change from another, the `code` of an error. */
const isLiteral = ({ type }: AnyNode): boolean => type?.kind === SyntaxKind.LiteralType

const isOptional = ({ questionToken, postfixToken }: AnyNode): boolean =>
  questionToken !== undefined || postfixToken?.kind === SyntaxKind.QuestionToken

const nameOf = ({ where }: Declared): string => where.slice(where.lastIndexOf(' ') + 1)
const everyMember = (): Declared[] => declared.flatMap(membersOf)

test('the doors’ names and their members are found', () => {
  const names = declared.map(nameOf)
  for (const name of [
    'startHive',
    'HiveOptions',
    'Agent',
    'readLog',
    'CursorLostError',
    'CHECK_RULES',
    'CostReport',
  ]) {
    assert.ok(names.includes(name), name)
  }
  const members = everyMember().map(nameOf)
  for (const member of [
    'HiveOptions.maxSpanAgeMs',
    'Agent.message',
    'KindFields.usage.ms',
    'FollowOptions.cursor',
  ]) {
    assert.ok(members.includes(member), member)
  }
  assert.ok(!members.some((member) => member.includes('#')))
})

test('every public name has a docstring', () => {
  assert.deepEqual(
    declared.filter((each) => docOf(each) === '').map(({ where }) => where),
    [],
  )
})

test('every property and method of a public type has a docstring', () => {
  assert.deepEqual(
    everyMember()
      .filter((each) => docOf(each) === '' && !isLiteral(each.node))
      .map(({ where }) => where),
    [],
  )
})

test('every option says its default', () => {
  const options = everyMember().filter((each) => /Options\./.test(nameOf(each)) && isOptional(each.node))
  assert.ok(options.length > 50)
  assert.deepEqual(
    options.filter((each) => !/\bdefault/i.test(docOf(each))).map(({ where }) => where),
    [],
  )
})

test('every number says its unit, or what it counts', () => {
  const numbers = everyMember().filter(({ node }) => isNumber(node.type))
  assert.ok(numbers.length > 50)
  assert.deepEqual(
    numbers.filter((each) => !UNIT.test(docOf(each))).map(({ where }) => where),
    [],
  )
})

test('every function says what it throws, or that it throws nothing', () => {
  const functions = declared.filter(
    ({ node }) =>
      node.kind === SyntaxKind.FunctionDeclaration && node.type?.kind !== SyntaxKind.TypePredicate,
  )
  assert.ok(functions.length > 10)
  assert.deepEqual(
    functions
      .filter((each) => !/@throws|[Tt]hrows nothing|never throws/.test(docOf(each)))
      .map(({ where }) => where),
    [],
  )
})

/** Exported functions, and the constructors of exported classes. */
const calls = (): Declared[] =>
  declared.flatMap((each) => {
    if (each.node.kind === SyntaxKind.FunctionDeclaration) return [each]
    const made = (each.node.members ?? []).filter(({ kind }) => kind === SyntaxKind.Constructor)
    const isHidden = ({ modifiers }: AnyNode): boolean =>
      (modifiers ?? []).some(({ kind }) => kind === SyntaxKind.PrivateKeyword)
    return made
      .filter((node) => !isHidden(node))
      .map((node) => ({ ...each, where: `${each.where}.constructor`, node }))
  })

test('every constructor has a docstring', () => {
  const constructors = calls().filter(({ where }) => where.endsWith('.constructor'))
  assert.ok(constructors.some(({ where }) => where.endsWith('JsonlSpanExporter.constructor')))
  const silent = constructors.filter((each) => (each.node.parameters ?? []).length > 0 && docOf(each) === '')
  assert.deepEqual(
    silent.map(({ where }) => where),
    [],
  )
})

test('what takes options says that it throws an OptionsError for those that cannot be', () => {
  const takers = calls().filter(({ node }) => node.parameters?.some(({ name }) => name?.text === 'options'))
  assert.ok(takers.length > 10)
  const silent = takers.filter((each) => !/@throws \{OptionsError\}|Throws nothing/.test(docOf(each)))
  assert.deepEqual(
    silent.map(({ where }) => where),
    [],
  )
})

test('every error that a docstring says is thrown can be imported', () => {
  const names = new Set(declared.map(nameOf))
  const thrown = [...calls(), ...everyMember()].flatMap((each) =>
    [...docOf(each).matchAll(/@throws \{(\w+)\}/g)].map(([, name]) => name as string),
  )
  assert.ok(thrown.includes('LogReadError'))
  assert.deepEqual(
    [...new Set(thrown)].filter((name) => !names.has(name)),
    [],
  )
})
