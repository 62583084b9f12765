import { readFile } from 'node:fs/promises'
import { prepare } from './code.mjs'

/** The files of one reviewer, each read once. */
export class Files {
  #byPath = new Map()

  get size() {
    return this.#byPath.size
  }

  /** @throws when the file cannot be read */
  async read(path) {
    if (!this.#byPath.has(path)) this.#byPath.set(path, prepare(path, await readFile(path, 'utf8')))
    return this.#byPath.get(path)
  }

  readAll(paths) {
    return Promise.all(paths.map((path) => this.read(path)))
  }
}
