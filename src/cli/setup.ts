/** `hivelog setup` */
import { fstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import { writeDurably } from '../disk/durable.js'
import { AGENTS, SettingsError, type SettingsFile, settingsOf } from '../serve/coding-agents/settings.js'
import { clean } from '../text/terminal.js'
import { type Command, oneOf, parse, UsageError, wholeNumber } from './args.js'
import { io } from './io.js'
import { Output, say } from './output.js'

const help = `Usage: hivelog setup claude-code|codex|gemini [OPTION]...

Shows the settings by which a coding agent tells a server (hivelog serve) what
it does: sessions, sub-agents, tools, model calls, decisions. No code of its or
yours changes. See docs/coding-agents.md.

      --url URL      the server; default http://127.0.0.1:4319
      --token TOKEN  one with the scope ingest, see hivelog token; default
                     $AGENT_LOG_TOKEN. Without one the settings say TOKEN
      --wait N       seconds that a permission request of Claude Code's waits
                     for a person, 0 to 600; default 60
      --write        puts them into the agent's own files, beside what is there;
                     of a file that is changed a copy is kept, FILE.bak-TIME
      --json         {"agent", "files": [{"path", "content", "written",
                     "copy"}]}
      --help         this text

A file that holds a token is readable by its owner only after --write.
Exit code 0: shown, or written; 1: a file cannot take them, nothing of it
changed; 2: bad use.

Example: hivelog setup claude-code --token "$TOKEN" --write
`

/** What became of one file. */
interface Done {
  path: string
  content: string
  written: boolean
  copy: string | null
}

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('setup', args, {
      url: { type: 'string', default: 'http://127.0.0.1:4319' },
      token: { type: 'string' },
      wait: { type: 'string', default: '60' },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const [name, ...others] = positionals
    if (name === undefined || others.length > 0)
      throw new UsageError(`setup takes one of ${AGENTS.join(', ')}; see hivelog setup --help`)
    const agent = oneOf('setup', name, AGENTS)
    const wait = wholeNumber('--wait', values.wait, { max: 600 })
    const token = values.token ?? (io().env.AGENT_LOG_TOKEN || undefined)
    if (values.write && token === undefined)
      throw new UsageError('setup --write needs --token TOKEN, or AGENT_LOG_TOKEN; see hivelog token --help')
    if (token !== undefined && !/^[\x21-\x7e]{1,512}$/.test(token))
      throw new UsageError('--token needs a token: printable characters without blanks')
    const wanted = { url: urlOf(values.url), token: token ?? 'TOKEN', wait }
    const env = io().env
    const files = settingsOf(agent, wanted, env.HOME || homedir(), env)
    const done: Done[] = []
    let hasFailed = false
    for (const file of files) {
      if (!values.write) done.push({ path: file.path, content: file.content, written: false, copy: null })
      else {
        try {
          done.push(await put(file))
        } catch (error) {
          hasFailed = true
          const why = clean((error as Error).message)
          say(`${clean(file.path)} is not changed: ${why}; put in by hand what hivelog setup ${agent} shows`)
        }
      }
    }
    if (!values.write && token !== undefined) sayIfOthersSee()
    await print(agent, done, values.json, values.write)
    return hasFailed ? 1 : 0
  },
}

/** @throws {UsageError} */
function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === ''
  if (!isPlain || url.username !== '')
    throw new UsageError(`--url needs http://HOST:PORT or https://HOST, not '${text}'`)
  return url.href.replace(/\/+$/, '')
}

/** Puts the settings into a file, and keeps a copy of what it was. @throws when it cannot take them */
async function put({ path, content, merge }: SettingsFile): Promise<Done> {
  const { text, place } = existing(path)
  const merged = merge(text)
  if (merged === text && !othersMayRead(place)) return { path, content, written: false, copy: null }
  await mkdir(dirname(place), { recursive: true, mode: 0o700 })
  let copy: string | null = null
  if (text !== undefined) {
    copy = await keepCopy(place, text)
    if (othersMayRead(place))
      say(`${clean(path)} was readable by others; now it is not, for it holds a token`)
  }
  await writeDurably(place, merged)
  return { path, content, written: true, copy }
}

/** @returns the copy's path: one that was there before stays, whenever it was made */
async function keepCopy(place: string, text: string): Promise<string> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+Z$/g, '')
  for (let n = 1; ; n++) {
    const copy = `${place}.bak-${time}${n === 1 ? '' : `-${n}`}`
    try {
      await writeFile(copy, text, { mode: 0o600, flag: 'wx' })
      return copy
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Its text, and where it lies: people link these files to elsewhere. */
function existing(path: string): { text: string | undefined; place: string } {
  try {
    const place = realpathSync(path)
    if (!statSync(place).isFile()) throw new SettingsError('it is no file')
    return { text: readFileSync(place, 'utf8'), place }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { text: undefined, place: path }
    throw error
  }
}

function othersMayRead(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && process.platform !== 'win32' && (stats.mode & 0o077) !== 0
}

/** Standard output may be a file that everybody can read. */
function sayIfOthersSee(): void {
  const { stdout } = io()
  if (stdout !== process.stdout) return
  const stats = fstatSync(process.stdout.fd)
  if (stats.isFile() && (stats.mode & 0o077) !== 0)
    say('the token is written to a file that others can read; chmod 600 it')
}

async function print(
  agent: string,
  files: readonly Done[],
  isJson: boolean,
  isWrite: boolean,
): Promise<void> {
  const output = new Output()
  if (isJson) await output.json({ agent, files })
  else {
    for (const { path, content, written, copy } of files) {
      if (!isWrite) {
        await output.line(`In ${clean(path)}:`)
        await output.line('')
        for (const line of content.trimEnd().split('\n')) await output.line(line)
        await output.line('')
      } else if (!written) await output.line(`${clean(path)} says so already`)
      else
        await output.line(`${clean(path)} written${copy === null ? '' : `, what it was is ${clean(copy)}`}`)
    }
  }
  await output.flush()
}
