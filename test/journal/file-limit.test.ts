/**
 * Node ignores SIGXFSZ, so that whoever writes past the limit of a file's size gets an error and lives. With a log that
 * is so still, for the log and for the files of the application.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cleanEnvironment, fixture, packageRoot } from '../kit/hive-support.js'
import { Child, checkLog, tempFolder } from '../kit/journal-kit.js'

const isPosix = process.platform !== 'win32'

/** Runs a program whose files may have 200 KiB. */
function limited(t: TestContext, args: readonly string[]): Child {
  const shell = ['-c', 'ulimit -f 200; exec "$@"', 'bash', process.execPath, ...args]
  const child = new Child(spawn('bash', shell, { env: cleanEnvironment(), stdio: 'pipe' }))
  t.after(() => child.process.kill('SIGKILL'))
  return child
}

test('a process that writes past the limit of a file lives on with a log, as without one', async (t) => {
  if (!isPosix) return t.skip('there is no such limit')
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const own = join(folder, 'own')
  const program = fixture('file-limit-child')
  const control = await limited(t, [program, '-', own]).ended
  const run = await limited(t, [program, file, own]).ended
  assert.deepEqual([control.code, control.signal, control.stdout], [0, null, 'EFBIG\nalive\n'])
  assert.deepEqual([run.code, run.signal, run.stdout], [0, null, control.stdout], run.stderr)
  assert.match(run.stderr, /EFBIG/)
})

test('another copy of the package that tells of the exit hears of a signal, and the log is closed', async (t) => {
  if (!isPosix) return t.skip('signals are not caught there')
  const file = join(tempFolder(t), 'hive.jsonl')
  const require = createRequire(join(packageRoot(), 'package.json'))
  const source = `
    const { onExit } = require(${JSON.stringify(require.resolve('signal-exit'))})
    onExit((code, signal) => console.log('before', code, signal))
    import(${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)}).then(({ startHive }) => {
      startHive({ file: ${JSON.stringify(file)}, otlp: false }).self.log('step')
      onExit((code, signal) => console.log('after', code, signal))
      process.kill(process.pid, 'SIGTERM')
      setInterval(() => {}, 1_000)
    })`
  // The agent of the process ends with it, and stops listening for the end while that is told.
  const env = { ...cleanEnvironment(), AGENT_ID: 'solo' }
  const child = new Child(spawn(process.execPath, ['-e', source], { env, stdio: 'pipe' }))
  t.after(() => child.process.kill('SIGKILL'))
  const { signal, stdout, stderr } = await child.ended
  assert.deepEqual([signal, stdout, stderr], ['SIGTERM', 'before null SIGTERM\nafter null SIGTERM\n', ''])
  assert.equal(checkLog(file).at(-1)?.event.kind, 'log.seal')
})
