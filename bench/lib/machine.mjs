import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { basename } from 'node:path'

const unlessMissing = (read) => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** The mount with the longest path that holds `dir`: device and file system, as Linux tells them. */
function mountOf(dir) {
  const lines = unlessMissing(() => readFileSync('/proc/self/mounts', 'utf8').trim().split('\n')) ?? []
  let best
  for (const [device, path, fileSystem] of lines.map((line) => line.split(' '))) {
    const holds = path === '/' || dir === path || dir.startsWith(`${path}/`)
    if (holds && path.length >= (best?.path.length ?? 0)) best = { device, path, fileSystem }
  }
  return best
}

function diskOf(dir) {
  const mount = mountOf(dir)
  if (mount === undefined) return 'unknown'
  const { dev } = statSync(dir)
  const link = unlessMissing(() => readlinkSync(`/sys/dev/block/${(dev >> 8) & 0xfff}:${dev & 0xff}`))
  const block = link === undefined ? undefined : basename(link)
  const rotational = unlessMissing(() => readFileSync(`/sys/block/${block}/queue/rotational`, 'utf8').trim())
  const kind =
    rotational === undefined ? '' : rotational === '1' ? ', reported as rotational' : ', not rotational'
  return `${mount.fileSystem} on ${mount.device}${kind}`
}

/** What a figure means nothing without. */
export function machine(dir) {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} cores`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    os: `${type()} ${release()}`,
    disk: diskOf(dir),
    loadAtStart: loadavg()
      .map((load) => load.toFixed(2))
      .join(' '),
  }
}
