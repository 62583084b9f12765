/** The one family of errors. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as analyse from '../../src/analyse.js'
import * as index from '../../src/index.js'
import { HivelogError } from '../../src/index.js'
import * as read from '../../src/read.js'
import { packageRoot, tempFolder, tempHive } from '../kit/hive-support.js'

/** Classes that nobody outside meets, and why. */
const INSIDE: Record<string, string> = {
  ApiError: 'the page shows it',
  AskError: 'the server turns it into an answer',
  CopyError: 'the server turns it into an answer',
  HttpError: 'the server turns it into an answer',
  OtlpShipError: 'the command line prints it and exits with 1',
  PullError: 'the command line prints it and exits with 2',
  RecordError: 'the server turns it into an answer',
  RequestError: 'the server turns it into an answer',
  ServeError: 'the command line prints it and exits with 2',
  TooManyError: 'the server turns it into an answer',
  WireError: 'the server turns it into an answer',
  SettingsError: 'the command line prints it and exits with 1',
  ShipError: 'the command line prints it and exits with 1',
  UsageError: 'the command line prints it and exits with 2',
  WriteError: 'the journal takes the cause out of it',
  DamagedIndex: 'the walk that throws it catches it, and reads the log instead',
  TooMuchWork: 'the comparison that throws it catches it, and goes on by windows',
}

const src = join(packageRoot(), 'src')
const textOf = (file: string): string => readFileSync(join(src, file), 'utf8')
const files = (readdirSync(src, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'))
const classes = files.flatMap((file) =>
  [...textOf(file).matchAll(/\bclass (\w+) extends (\w*Error)\b/g)].map(([, name, base]) => ({
    file,
    name: name as string,
    base: base as string,
  })),
)
const doors: Record<string, unknown> = { ...analyse, ...read, ...index }
const isPublic = ({ name }: { name: string }): boolean =>
  !Object.hasOwn(INSIDE, name) && name !== 'HivelogError'

type ErrorClass = new (...args: never[]) => HivelogError

test('every class of errors is in the family and can be imported, but for those that stay inside', () => {
  assert.ok(classes.length > 10)
  for (const { file, name } of classes.filter(isPublic)) {
    const found = doors[name] as ErrorClass | undefined
    assert.ok(found !== undefined, `${name} of src/${file} is exported by no door`)
    assert.ok(found.prototype instanceof HivelogError, `${name} of src/${file} extends HivelogError`)
  }
  const names = classes.map(({ name }) => name)
  assert.deepEqual(
    Object.keys(INSIDE).filter((name) => !names.includes(name)),
    [],
  )
  for (const name of Object.keys(INSIDE)) assert.ok(!(name in doors), `${name} is exported after all`)
})

test('each class and each code is in the list of HivelogError, and nothing else is', () => {
  const list = textOf('format/errors.ts')
  const listed = [...list.matchAll(/^ \* - (?:a )?`(\w+)` \(`(\w+)`\)/gm)].map(([, code, name]) => ({
    code,
    name,
  }))
  const names = new Set(listed.map(({ name }) => name))
  assert.deepEqual(
    [...names].sort(),
    classes
      .filter(isPublic)
      .map(({ name }) => name)
      .sort(),
  )
  const codes = new Set(files.flatMap((file) => textOf(file).match(/'ERR_HIVELOG_\w+'/g) ?? []))
  const wanted = listed.map(({ code }) => `'${code}'`).filter((code) => code !== "'CommitErrorCode'")
  assert.deepEqual([...codes].sort(), wanted.sort())
})

test('no error of JavaScript’s own is thrown on purpose', () => {
  const thrown = files.filter((file) => /throw new (Type|Range|Syntax|Reference)Error\(/.test(textOf(file)))
  assert.deepEqual(thrown, [])
})

/** What each is made of. */
const MADE: Record<string, { args: unknown[]; code: string }> = {
  AlreadyDecidedError: { args: ['e\n1', { approve: true, by: 'a\nb', ts: 1 }], code: 'ERR_HIVELOG_DECIDED' },
  DecisionError: { args: ['m'], code: 'ERR_HIVELOG_DECISION' },
  NotDecidedError: { args: ['e\n1', 'w'], code: 'ERR_HIVELOG_NOT_DECIDED' },
  OptionsError: { args: ['m'], code: 'ERR_HIVELOG_OPTIONS' },
  OptionsConflictError: { args: ['f', 'o', 'm'], code: 'ERR_HIVELOG_OPTIONS_CONFLICT' },
  LogLockedError: { args: ['f', { pid: 1, host: 'h', since: 's' }], code: 'ERR_HIVELOG_LOCKED' },
  LogOpenError: { args: ['m'], code: 'ERR_HIVELOG_OPEN' },
  NotDurableError: { args: ['m'], code: 'ERR_HIVELOG_NOT_DURABLE' },
  ShutDownError: { args: [], code: 'ERR_HIVELOG_SHUT_DOWN' },
  DependencyError: { args: ['p', new Error('c')], code: 'ERR_HIVELOG_DEPENDENCY' },
  LogReadError: { args: ['m'], code: 'ERR_HIVELOG_READ' },
  CursorLostError: {
    args: ['c', { reason: 'gone', why: 'w', seq: 1, oldest: undefined }],
    code: 'ERR_HIVELOG_CURSOR_LOST',
  },
  CursorFileError: { args: ['m'], code: 'ERR_HIVELOG_CURSOR_FILE' },
  CheckConfigError: { args: ['m'], code: 'ERR_HIVELOG_CHECK_CONFIG' },
  ExportError: { args: ['m'], code: 'ERR_HIVELOG_EXPORT' },
  CommitError: { args: ['no-git', 'm'], code: 'no-git' },
}

test('each has its name, its code and one line', () => {
  assert.deepEqual(
    Object.keys(MADE).sort(),
    classes
      .filter(isPublic)
      .map(({ name }) => name)
      .sort(),
  )
  for (const [name, { args, code }] of Object.entries(MADE)) {
    const error = new (doors[name] as new (...args: unknown[]) => HivelogError)(...args)
    assert.deepEqual([error.name, error.code], [name, code])
    assert.ok(error instanceof HivelogError && error instanceof Error)
    assert.match(error.message, /^[^\n]+$/)
    assert.match(String(error.stack), new RegExp(`^(${name}|Error)\\b`))
  }
})

test('what is thrown on purpose is of the family, and keeps the system’s code', async (t) => {
  const folder = tempFolder(t)
  const missing = join(folder, 'none.jsonl')
  const { file } = tempHive(t)
  const drained = async (items: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of items);
  }
  const bytes = join(folder, 'log.jsonl')
  writeFileSync(bytes, '{"ts":1,"kind":"a"}\n')
  mkdirSync(join(folder, 'folder'))
  const looped = join(folder, 'looped.jsonl')
  symlinkSync(`${looped}.agents`, `${looped}.agents`)
  const cases: [() => unknown, string, string][] = [
    [() => drained(read.readLog(missing)), 'LogReadError', 'ENOENT'],
    [() => drained(read.tailLog(join(folder, 'folder'), 1)), 'LogReadError', 'EISDIR'],
    [() => read.verifyLog(missing), 'LogReadError', 'ENOENT'],
    [() => read.verifyLog(bytes, { publicKey: 'none' }), 'OptionsError', 'ERR_HIVELOG_OPTIONS'],
    [() => read.followLog(bytes).commit(), 'OptionsError', 'ERR_HIVELOG_OPTIONS'],
    [() => analyse.costReport(missing), 'LogReadError', 'ENOENT'],
    [() => read.followHive(bytes).commit(), 'OptionsError', 'ERR_HIVELOG_OPTIONS'],
    [() => drained(read.followHive('-')), 'LogReadError', 'ERR_HIVELOG_READ'],
    [() => drained(read.tailHive(missing, 1)), 'LogReadError', 'ENOENT'],
    [() => drained(read.hiveBatches(missing)), 'LogReadError', 'ENOENT'],
    [() => read.logsOfHive(looped), 'LogReadError', 'ELOOP'],
    [() => read.spanOf(join(folder, 'folder')), 'LogReadError', 'EISDIR'],
    [() => analyse.statsReport(missing), 'LogReadError', 'ENOENT'],
    [() => analyse.showEvent(missing, '1'), 'LogReadError', 'ENOENT'],
    [() => analyse.whyEvent(missing, '1'), 'LogReadError', 'ENOENT'],
    [() => analyse.talkBetween(missing, 'a', 'b'), 'LogReadError', 'ENOENT'],
    [() => analyse.talkPartners(missing, 'a'), 'LogReadError', 'ENOENT'],
    [() => analyse.topReport(missing), 'LogReadError', 'ENOENT'],
    [() => analyse.replay(missing), 'LogReadError', 'ENOENT'],
    [() => analyse.diffLogs('-', '-'), 'OptionsError', 'ERR_HIVELOG_OPTIONS'],
    [
      () => analyse.checkLog(bytes, { rules: { nope: 'off' } as never }),
      'CheckConfigError',
      'ERR_HIVELOG_CHECK_CONFIG',
    ],
    [() => analyse.commitLog(missing), 'CommitError', 'no-file'],
    [() => index.startHive({ file, fsync: 'sometimes' as never }), 'OptionsError', 'ERR_HIVELOG_OPTIONS'],
    [
      () => index.startHive({ file, rotate: { maxBytes: 7 } }),
      'OptionsConflictError',
      'ERR_HIVELOG_OPTIONS_CONFLICT',
    ],
    [() => index.startHive({ file: join(folder, 'folder') }), 'LogOpenError', 'ERR_HIVELOG_OPEN'],
  ]
  for (const [call, name, code] of cases) {
    await assert.rejects(
      async () => {
        await call()
      },
      (error) => {
        assert.ok(error instanceof HivelogError, String(error))
        assert.deepEqual([error.name, error.code], [name, code])
        return true
      },
    )
  }
})
