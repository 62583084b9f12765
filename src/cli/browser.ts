/** Opens an address in the user's browser, by the system's own program and never by a shell. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const PROGRAMS: Partial<Record<NodeJS.Platform, [program: string, ...args: string[]]>> = {
  darwin: ['open'],
  // `start` is the shell's own; this does the same without one.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}
/** A program that has not failed by then has opened it, or is the browser. */
const WAIT_MS = 1_000
/** Until then a browser that has to be started first has read what leads it on. */
const READ_MS = 60_000

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

/** A file that leads a browser on to an address, as long as it is there. */
export interface Leading {
  /** `file:` address of it. */
  url: string
  /** Removes it, if it is still there. */
  remove(): void
}

/**
 * Makes a file that leads a browser on to an address with a secret in it, so that the secret is in no list of
 * processes: its owner's alone, in a folder of its own, and removed again after a minute.
 * @throws when it can be made nowhere
 */
export function leadingTo(address: string, env: NodeJS.ProcessEnv): Leading {
  const folder = ownFolder(env)
  const remove = (): void => {
    clearTimeout(timer)
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // What it leads to ends with this process.
    }
  }
  const timer = setTimeout(remove, READ_MS).unref()
  const file = join(folder, 'hivelog.html')
  try {
    writeFileSync(file, documentFor(address), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    remove()
    throw error
  }
  return { url: pathToFileURL(file).href, remove }
}

/** In the user's home, by a plain name: a browser in a sandbox sees neither hidden folders nor those for what is temporary. */
function ownFolder({ HOME }: NodeJS.ProcessEnv): string {
  try {
    return mkdtempSync(join(HOME || homedir(), 'hivelog-open-'))
  } catch {
    return mkdtempSync(join(tmpdir(), 'hivelog-open-'))
  }
}

function documentFor(address: string): string {
  const escaped = address.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
  return `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${escaped}">
<title>hivelog</title>
<a href="${escaped}">hivelog</a>
`
}
