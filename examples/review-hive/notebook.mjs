/**
 * The notebook that the reviewers share. Findings are numbered through it, so a reviewer reads the last number and
 * goes on from there; without the lock, two would take the same.
 */
import { appendFile, readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { describe } from './describe.mjs'
import { withLock } from './hub.mjs'

export class Notebook {
  #path
  #pace

  /** @param pace milliseconds that writing takes longer than it must, for those who watch */
  constructor(path, pace) {
    this.#path = path
    this.#pace = pace
  }

  /** Adds a heading, and the findings under it. */
  async write(heading, findings) {
    await withLock('notebook', async () => {
      const written = await readFile(this.#path, 'utf8')
      const last = Number(written.match(/^\d+(?=\. )/gm)?.at(-1) ?? 0)
      const items = findings.map((finding, i) => `${last + 1 + i}. ${describe(finding)}\n`)
      await setTimeout(this.#pace)
      await appendFile(this.#path, `\n## ${heading}\n\n${items.join('') || 'Nothing to say.\n'}`)
    })
  }
}
