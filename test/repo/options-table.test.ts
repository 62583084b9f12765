/** README's table of options names all that `startHive` takes, and nothing else. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HIVE_RULES } from '../../src/hive/options.js'
import { packageRoot } from '../kit/hive-support.js'

const readme = readFileSync(join(packageRoot(), 'README.md'), 'utf8')

test('README lists every option of startHive', () => {
  const section = readme.split('## Options of `startHive`')[1]?.split('\n## ')[0] ?? ''
  const firsts = [...section.matchAll(/^\|([^|]*)\|/gm)].map(([, cell]) => cell as string)
  const named = firsts.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name as string))
  assert.ok(named.length > 0)
  assert.deepEqual(named.sort(), Object.keys(HIVE_RULES).sort())
})
