/** Instrumentation scopes whose spans tell what an adapter tells already. */

/** Names that are remembered with their answer. */
const MAX_ANSWERS = 1_000

export class Scopes {
  #names = new Set<string>()
  /** Those that are some of them only at times. */
  #atTimes = new Map<string, () => boolean>()
  #prefixes: string[] = []
  #answers = new Map<string, boolean>()

  /** @param scope name of a scope, or how names begin and then `*` */
  add(scope: string): void {
    if (scope.endsWith('*')) this.#prefixes.push(scope.slice(0, -1))
    else this.#names.add(scope)
    this.#answers.clear()
  }

  /** @param isNow whether a span that begins now is one of them, if its scope is this one */
  addWhile(scope: string, isNow: () => boolean): void {
    this.#atTimes.set(scope, isNow)
  }

  /** Whether a scope of this name is one of them now. */
  has(name: string): boolean {
    return this.#hasAlways(name) || this.#atTimes.get(name)?.() === true
  }

  #hasAlways(name: string): boolean {
    const known = this.#answers.get(name)
    if (known !== undefined) return known
    const answer = this.#names.has(name) || this.#prefixes.some((prefix) => name.startsWith(prefix))
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear()
    this.#answers.set(name, answer)
    return answer
  }
}
