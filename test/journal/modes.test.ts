/** What a log makes on the disk is its owner's alone: files 0600, folders 0700. What is there stays as it is. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { tempFolder } from '../kit/journal-kit.js'

test('all folders and files that a hive makes are for its owner only, and a folder that was there keeps its mode', async (t) => {
  if (process.platform === 'win32') return t.skip('there are no such modes')
  const folder = join(tempFolder(t), 'there')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const umask = process.umask(0o022)
  t.after(() => process.umask(umask))
  const hive = startHive({ file: join(folder, 'missing/deep/hive.jsonl'), otlp: false })
  const agent = hive.spawn({ agentId: 'a' })
  agent.snapshot({ content: 'a context' })
  agent.escalate({ subject: 'may I?' })
  const child = startHive({ file: String(agent.env().HIVELOG_FILE), otlp: false })
  child.spawn({ agentId: 'b' })
  await child.shutdown()
  await hive.shutdown()

  const made = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  assert.ok(made.length > 5, made.join())
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  for (const name of made) {
    const path = join(folder, name)
    assert.equal(modeOf(path), statSync(path).isDirectory() ? '700' : '600', name)
  }
  assert.equal(modeOf(folder), '755')
})
