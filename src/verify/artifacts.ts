/** Checks the artifacts that lines name: each once, its content against its name and its size. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { artifactsFolder, parseArchiveName } from '../format/beside.js'
import type { NamedArtifact } from './refs.js'
import type { Explainable, VerifyFinding } from './report.js'

const PREFIX = /^[0-9a-f]{2}$/
const SHA256 = /^[0-9a-f]{64}$/

/** Folder of the artifacts of a log, which may be named by one of its archived segments. */
export function artifactFolder(file: string): string {
  const archive = parseArchiveName(file)
  if (archive === undefined) return artifactsFolder(file)
  // The name of an archived segment does not tell whether the log's own ends in `.jsonl`.
  const stem = join(dirname(file), archive.stem)
  const plain = artifactsFolder(stem)
  return existsSync(plain) ? plain : artifactsFolder(`${stem}.jsonl`)
}

export class ArtifactCheck {
  readonly #folder: string
  readonly #isThere: boolean
  /** What was checked: sizes by name, as one line may name another size than the next. */
  readonly #seen = new Map<string, number>()
  checked = 0
  /** Artifacts that are not there because nothing is. */
  #missing: { ref: string; finding: VerifyFinding }[] = []

  constructor(log: string) {
    this.#folder = artifactFolder(log)
    this.#isThere = existsSync(this.#folder)
  }

  get named(): number {
    return this.#seen.size
  }

  /** @returns findings on these, as far as they were not seen before */
  async check(file: string, refs: readonly NamedArtifact[]): Promise<(VerifyFinding & Explainable)[]> {
    const findings: (VerifyFinding & Explainable)[] = []
    for (const named of refs) {
      const { ref, bytes, line, offset } = named
      const known = this.#seen.get(ref)
      if (known === bytes) continue
      if (known === undefined) this.#seen.set(ref, bytes)
      const add = (kind: VerifyFinding['kind'], message: string): void => {
        const isMissing = kind === 'artifact-missing'
        findings.push({ kind, file, line, offset, message, ...(isMissing && { artifact: ref }) })
      }
      const path = join(this.#folder, ref.slice(0, 2), ref)
      if (!this.#isThere) {
        const message = `the artifacts are not there: ${this.#folder} is missing`
        this.#missing.push({ ref, finding: { kind: 'artifact-missing', file, line, offset, message } })
        continue
      }
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined) add('artifact-missing', `the artifact that it names is not there: ${path}`)
      else if (!stats.isFile()) add('artifact-changed', `the artifact that it names is no file: ${path}`)
      else if (stats.size !== bytes) {
        add(
          'artifact-changed',
          `the artifact has ${stats.size} bytes, not the ${bytes} that the line says: ${path}`,
        )
      } else {
        this.checked++
        const hash = await hashOf(path)
        if (hash === undefined) add('artifact-missing', `the artifact that it names cannot be read: ${path}`)
        else if (hash !== ref)
          add('artifact-changed', `the artifact's content is not that of its name: ${path}`)
      }
    }
    return findings
  }

  /**
   * What is told once for all.
   * @param isLost whether the log itself says that an artifact is lost where a line names it
   */
  summary(isLost: (ref: string, finding: VerifyFinding) => boolean): VerifyFinding[] {
    const missing = this.#missing.filter(({ ref, finding }) => !isLost(ref, finding))
    const [first] = missing
    if (first === undefined) return []
    const more = missing.length === 1 ? '' : `; this and later lines name ${missing.length} of them`
    return [{ ...first.finding, message: first.finding.message + more }]
  }

  /** How many of those that lines name are among the lost ones. */
  lostOf(lost: ReadonlySet<string>): number {
    return [...lost].filter((ref) => this.#seen.has(ref)).length
  }

  /** Files among the artifacts that no line names. */
  async unnamed(): Promise<number> {
    let count = 0
    for (const prefix of await readdir(this.#folder).catch(() => [])) {
      if (!PREFIX.test(prefix)) continue
      for (const name of await readdir(join(this.#folder, prefix)).catch(() => [])) {
        if (SHA256.test(name) && !this.#seen.has(name)) count++
      }
    }
    return count
  }
}

async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  } catch {
    return undefined
  }
  return hash.digest('hex')
}
