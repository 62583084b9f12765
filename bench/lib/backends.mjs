import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../scripts/backends.sh', import.meta.url))

/**
 * Real backends, built with the first call (see scripts/backends.sh).
 * @param name of one that is asked for. Default: all
 * @returns (name) -> its path, or `undefined` where it cannot be had
 */
export function backends(name) {
  const args = name === undefined ? [SCRIPT] : [SCRIPT, name]
  const { stdout } = spawnSync('bash', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return (wanted) =>
    name === undefined ? new RegExp(`^${wanted}=(.+)$`, 'm').exec(stdout)?.[1] : stdout.trim() || undefined
}
