/** A disk that is soon full. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { defer } from './hive-support.js'

/** A folder of its own disk of 4 MiB; `undefined`, with the test skipped, where none can be mounted. */
export function smallDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-disk-'))
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { encoding: 'utf8' })
  if (mount.status !== 0) {
    rmdirSync(folder)
    t.skip(`cannot mount a tmpfs (run as root on Linux): ${mount.error?.message ?? mount.stderr.trim()}`)
    return undefined
  }
  defer(t, () => {
    if (spawnSync('umount', [folder]).status !== 0) spawnSync('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return folder
}

/** Uses up the disk but for `leave` bytes. @returns how to free it */
export function fill(folder: string, leave = 0): () => void {
  const filler = join(folder, 'filler')
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(filler, Buffer.alloc(bavail * bsize - leave))
  return () => rmSync(filler)
}
