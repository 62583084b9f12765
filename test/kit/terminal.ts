/** A real pseudo-terminal, by `script` of util-linux. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'

/** Why there is none here; `false` where there is one. */
export const NO_TERMINAL: string | false =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
    ? false
    : 'no script of util-linux here'

const ESC = '\x1b'
const CONTROL = new RegExp(`${ESC}\\[[?\\d;]*[A-Za-z]`, 'g')

/** A command on a terminal of 24 rows and 100 columns. */
export class Terminal {
  output = ''
  readonly ended: Promise<number | null>
  readonly #script: ChildProcess

  constructor(t: { after(fn: () => void): void }, command: string, cwd: string) {
    const env = { ...process.env, TZ: 'UTC', TERM: 'xterm', NO_COLOR: undefined, FORCE_COLOR: undefined }
    const sized = `stty rows 24 cols 100; ${command}`
    this.#script = spawn('script', ['-qefc', sized, '/dev/null'], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#script.stdout?.on('data', (bytes: Buffer) => {
      this.output += bytes.toString('utf8')
    })
    this.ended = new Promise((resolve) => this.#script.on('close', resolve))
    t.after(() => this.#script.kill('SIGKILL'))
  }

  press(keys: string): void {
    this.#script.stdin?.write(keys)
  }

  /** What was drawn last, without what moves the cursor. */
  get picture(): string {
    const last = this.output.split('\x1b[H').at(-1) ?? ''
    return last.replaceAll(CONTROL, '')
  }

  async until(what: RegExp): Promise<void> {
    for (let i = 0; !what.test(this.picture); i++) {
      assert.ok(i < 500, `no ${what} in 10 s; there is: ${JSON.stringify(this.output.slice(-3000))}`)
      await pause(20)
    }
  }
}
