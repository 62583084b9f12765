/** Instrumentation scopes whose spans tell what an adapter tells already. */

/** Names that are remembered with their answer. */
const MAX_ANSWERS = 1_000

export class Scopes {
  #names = new Set<string>()
  #prefixes: string[] = []
  #answers = new Map<string, boolean>()

  /** @param scope name of a scope, or how names begin and then `*` */
  add(scope: string): void {
    if (scope.endsWith('*')) this.#prefixes.push(scope.slice(0, -1))
    else this.#names.add(scope)
    this.#answers.clear()
  }

  /** Whether a scope of this name is one of them. */
  has(name: string): boolean {
    const known = this.#answers.get(name)
    if (known !== undefined) return known
    const answer = this.#names.has(name) || this.#prefixes.some((prefix) => name.startsWith(prefix))
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear()
    this.#answers.set(name, answer)
    return answer
  }
}
