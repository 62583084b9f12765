/** Opens an address in the user's browser, by the system's own program and never by a shell. */
import { spawn } from 'node:child_process'

const PROGRAMS: Partial<Record<NodeJS.Platform, [program: string, ...args: string[]]>> = {
  darwin: ['open'],
  // `start` is the shell's own; this does the same without one.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}
/** A program that has not failed by then has opened it, or is the browser. */
const WAIT_MS = 1_000

/** @returns why it could not be opened, in a few words; `undefined` when it was */
export async function openInBrowser(url: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [program, ...args] = PROGRAMS[process.platform] ?? ['xdg-open']
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true, shell: false, env })
    const timer = setTimeout(() => resolve(undefined), WAIT_MS)
    const tell = (why: string | undefined): void => {
      clearTimeout(timer)
      resolve(why)
    }
    child.on('error', ({ message }) => tell(message))
    child.on('exit', (code) => tell(code === 0 ? undefined : `${program} ended with code ${code}`))
    child.unref()
  })
}
