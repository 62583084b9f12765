/** `hivelog serve --open`: the page comes up in the browser, and its token in no list of processes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment, defer, tempFolder, until } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'

const skip = process.platform === 'linux' ? false : 'the program that opens addresses is another one'

test('the browser is led to the page by a file for its owner alone, which goes again', {
  skip,
}, async (t) => {
  const folder = tempFolder(t)
  const [bin, home] = [join(folder, 'bin'), join(folder, 'home')]
  mkdirSync(bin)
  mkdirSync(home)
  // Tells what it was given.
  writeFileSync(
    join(bin, 'xdg-open'),
    '#!/bin/sh\nprintf "%s" "$*" > "$HOME/given.new"\nmv "$HOME/given.new" "$HOME/given"\n',
    {
      mode: 0o755,
    },
  )
  const log = join(folder, 'hive.jsonl')
  writeFileSync(log, '{"ts":1,"kind":"note"}\n')
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--open', log], {
    env: { ...cleanEnvironment(), PATH: bin + delimiter + process.env.PATH, HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  defer(t, () => void child.kill('SIGKILL'))
  const [page] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const token = page.split('#token=')[1] as string
  assert.match(token, /^hl_[\w-]{43}$/)

  await until(() => existsSync(join(home, 'given')), 'the browser was asked for')
  const given = readFileSync(join(home, 'given'), 'utf8')
  assert.ok(!given.includes(token), given)
  const file = fileURLToPath(given)
  assert.equal(dirname(dirname(file)), home)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(dirname(file)).mode & 0o777, 0o700)
  const [, leadsTo] =
    /<meta http-equiv="refresh" content="0; url=([^"]*)">/.exec(readFileSync(file, 'utf8')) ?? []
  assert.equal(leadsTo, page)

  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  assert.deepEqual(readdirSync(home), ['given'])
})

test('where no browser can be opened the address is told, and no file is left', { skip }, async (t) => {
  const folder = tempFolder(t)
  const [bin, home] = [join(folder, 'bin'), join(folder, 'home')]
  mkdirSync(bin)
  mkdirSync(home)
  writeFileSync(join(bin, 'xdg-open'), '#!/bin/sh\nexit 3\n', { mode: 0o755 })
  const log = join(folder, 'hive.jsonl')
  writeFileSync(log, '{"ts":1,"kind":"note"}\n')
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--open', log], {
    env: { ...cleanEnvironment(), PATH: bin + delimiter + process.env.PATH, HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  defer(t, () => void child.kill('SIGKILL'))
  const [said] = (await once(createInterface({ input: child.stderr }), 'line')) as [string]
  assert.equal(
    said,
    'hivelog: cannot open the browser (xdg-open ended with code 3); open the address above in one',
  )
  assert.deepEqual(readdirSync(home), [])
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
