/** Messages that wait for an agent to drain them. */
export class Inbox {
  #messages = []
  #wake = () => {}

  put(message) {
    this.#messages.push(message)
    this.#wake()
  }

  /** Takes all there is; with none, waits up to `waitMs` for the first. */
  async take(waitMs) {
    if (this.#messages.length === 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#messages.splice(0)
  }

  /** Takes what nobody will drain any more, and lets go of whoever waits. */
  close() {
    this.#wake()
    return this.#messages.splice(0)
  }
}
