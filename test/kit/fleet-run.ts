/**
 * A fleet on trial: hives that send their logs through a bad network to a server, all of them killed again and again;
 * then every copy is compared with its original, and with what was acknowledged.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { verifyLog } from '../../src/read.js'
import { Tokens } from '../../src/serve/tokens.js'
import { cleanEnvironment, fixture } from './hive-support.js'
import { MAIN } from './reader-cli.js'
import { roughProxy } from './rough-proxy.js'

export interface FleetPlan {
  folder: string
  hives: number
  /** Of each hive. */
  events: number
  serverKills: number
  hiveKills: number
  /** Bytes of a segment. */
  rotateBytes: number
  dice: () => number
  onProgress?: (line: string) => void
}

export interface FleetReport {
  events: number
  lines: number
  bytes: number
  segments: number
  ms: number
  serverKills: number
  hiveKills: number
  /** Answers that reached a shipper. */
  acknowledgements: number
  /** What the network did. */
  network: Record<string, number>
  /** Logs whose last process could not send all before its end. */
  sentLater: number
  /** What is wrong; nothing should be. */
  problems: string[]
}

/** An answer that a shipper got. */
interface Acknowledged {
  segment: number
  offset: number
  sha256: string
}

export async function runFleet(plan: FleetPlan): Promise<FleetReport> {
  const began = Date.now()
  const fleet = new Fleet(plan)
  try {
    await fleet.start()
    await fleet.trial()
    const sentLater = await fleet.sendRest()
    const found = await fleet.compare()
    return {
      ...found,
      ms: Date.now() - began,
      serverKills: plan.serverKills,
      hiveKills: plan.hiveKills,
      network: fleet.network,
      sentLater,
    }
  } finally {
    await fleet.close()
  }
}

class Fleet {
  readonly #plan: FleetPlan
  readonly #store: string
  readonly #tokens: string
  readonly #token: string
  readonly #acknowledged = new Map<string, Acknowledged[]>()
  readonly #hives = new Map<number, ChildProcess>()
  readonly #ended: Promise<void>[] = []
  #proxy: Awaited<ReturnType<typeof roughProxy>> | undefined
  #server: ChildProcess | undefined
  #upTo = 0

  constructor(plan: FleetPlan) {
    this.#plan = plan
    this.#store = join(plan.folder, 'store')
    this.#tokens = join(plan.folder, 'tokens.json')
    this.#token = new Tokens(this.#tokens).add('fleet', ['ingest'])
  }

  get network(): Record<string, number> {
    return this.#proxy?.counts ?? {}
  }

  async start(): Promise<void> {
    this.#proxy = await roughProxy(this.#plan.dice, ({ method, url, headers }, { status, text }) => {
      if (method !== 'POST' || url !== '/v1/ingest' || status !== 200) return
      const log = String(headers['hivelog-log'])
      const got = this.#acknowledged.get(log) ?? []
      this.#acknowledged.set(log, got)
      got.push(JSON.parse(text) as Acknowledged)
    })
    await this.#startServer()
    for (let i = 0; i < this.#plan.hives; i++) {
      mkdirSync(dirname(this.#fileOf(i)), { recursive: true })
      this.#startHive(i)
    }
  }

  /** Between one kill and the next the hives may do their share of the work. */
  async trial(): Promise<void> {
    const { serverKills, hiveKills, events, dice, onProgress } = this.#plan
    const kills = [...Array(serverKills).fill('server'), ...Array(hiveKills).fill('hive')] as string[]
    for (let i = kills.length - 1; i > 0; i--) {
      const j = Math.floor(dice() * (i + 1))
      ;[kills[i], kills[j]] = [kills[j] as string, kills[i] as string]
    }
    for (const [i, what] of kills.entries()) {
      this.#allow(Math.floor((events * (i + 1)) / (kills.length + 1)))
      await pause(20 + dice() * 400)
      if (what === 'server') {
        await kill(this.#server as ChildProcess)
        await this.#startServer()
      } else {
        const [index, hive] = [...this.#hives][Math.floor(dice() * this.#hives.size)] as [
          number,
          ChildProcess,
        ]
        await kill(hive)
        this.#startHive(index)
      }
      if (i % 10 === 9) onProgress?.(`${i + 1} of ${kills.length} kills`)
    }
    this.#allow(events)
    await Promise.all(this.#ended)
    onProgress?.('the hives are done')
  }

  /** @returns how many logs were not sent to their end by their own process */
  async sendRest(): Promise<number> {
    let count = 0
    for (let i = 0; i < this.#plan.hives; i++) {
      const args = [
        MAIN,
        'ship',
        '--to',
        this.#url,
        '--token',
        this.#token,
        '--once',
        '--json',
        this.#fileOf(i),
      ]
      const child = spawn(process.execPath, args, {
        env: cleanEnvironment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let out = ''
      let error = ''
      child.stdout.on('data', (data) => {
        out += data
      })
      child.stderr.on('data', (data) => {
        error += data
      })
      const [code] = (await once(child, 'close')) as [number]
      if (code !== 0) throw new Error(`ship ended with ${code}: ${error}`)
      if (JSON.parse(out).bytes > 0) count++
    }
    return count
  }

  async compare(): Promise<
    Pick<FleetReport, 'events' | 'lines' | 'bytes' | 'segments' | 'acknowledgements' | 'problems'>
  > {
    const found = {
      events: 0,
      lines: 0,
      bytes: 0,
      segments: 0,
      acknowledgements: 0,
      problems: [] as string[],
    }
    for (let i = 0; i < this.#plan.hives; i++) {
      const complain = (what: string): void => void found.problems.push(`hive ${i}: ${what}`)
      const original = segmentsOf(this.#fileOf(i))
      const bytes = Buffer.concat([...original.values()])
      const log = createHash('sha256')
        .update(bytes.subarray(0, bytes.indexOf(10)))
        .digest('hex')
        .slice(0, 16)
      const copy = join(this.#store, `fleet-${i}`, `${log}.jsonl`)
      if (!existsSync(copy)) {
        complain('there is no copy')
        continue
      }
      const copied = segmentsOf(copy)
      if (!bytes.equals(Buffer.concat([...copied.values()]))) complain('the copy is not the original')
      if ([...copied.keys()].join() !== [...original.keys()].join()) complain('other segments')
      const numbers = Array.from(
        bytes.toString('utf8').matchAll(/"kind":"work"[^\n]*?"n":(\d+)/g),
        ([, n]) => n,
      )
      const isEachOnce = numbers.length === this.#plan.events && numbers.every((n, at) => Number(n) === at)
      if (!isEachOnce) complain(`${numbers.length} events of ${this.#plan.events}, or not in their order`)
      for (const file of [this.#fileOf(i), copy]) {
        const { findings, lines } = await verifyLog(file)
        if (findings.length > 0) complain(`${basename(file)}: ${findings[0]?.message}`)
        if (file === copy) found.lines += lines
      }
      const acknowledged = this.#acknowledged.get(log) ?? []
      for (const wrong of notIn(original, acknowledged)) complain(wrong)
      found.events += numbers.length
      found.bytes += bytes.length
      found.segments += original.size
      found.acknowledgements += acknowledged.length
    }
    return found
  }

  async close(): Promise<void> {
    for (const hive of this.#hives.values()) await kill(hive)
    if (this.#server !== undefined) await kill(this.#server)
    await this.#proxy?.close()
  }

  get #url(): string {
    return this.#proxy?.url as string
  }

  #fileOf(i: number): string {
    return join(this.#plan.folder, `hive-${i}`, 'hive.jsonl')
  }

  #allow(upTo: number): void {
    this.#upTo = upTo
    for (const hive of this.#hives.values()) if (hive.connected) hive.send({ upTo }, () => {})
  }

  async #startServer(): Promise<void> {
    const args = [MAIN, 'serve', '--store', this.#store, '--tokens', this.#tokens, '--port', '0', '--json']
    const server = spawn(process.execPath, args, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#server = server
    const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
    this.#proxy?.to(JSON.parse(line).port)
  }

  #startHive(i: number): void {
    const env = {
      ...cleanEnvironment(),
      AGENT_LOG_ENDPOINT: this.#url,
      AGENT_LOG_TOKEN: this.#token,
      AGENT_SESSION_ID: `fleet-${i}`,
      BATCH_FLUSH_INTERVAL_MS: '200',
      FLEET_ROTATE: String(this.#plan.rotateBytes),
    }
    const hive = fork(fixture('fleet-hive'), [this.#fileOf(i), String(this.#plan.events)], {
      env,
      // What it says of a server that is away is what it should say.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#hives.set(i, hive)
    hive.on('message', () => {
      if (hive.connected) hive.send({ upTo: this.#upTo }, () => {})
    })
    this.#ended.push(
      once(hive, 'exit').then(([code, signal]) => {
        if (signal === 'SIGKILL') return
        this.#hives.delete(i)
        if (code !== 0) throw new Error(`hive ${i} ended with ${signal ?? code}`)
      }),
    )
  }
}

/** The segments of a log by the `seq` with which they begin, unpacked. */
function segmentsOf(file: string): Map<number, Buffer> {
  const folder = dirname(file)
  const stem = basename(file, '.jsonl')
  const segments = new Map<number, Buffer>()
  for (const name of readdirSync(folder).sort()) {
    if (!name.startsWith(`${stem}.0`) || !/\.jsonl(\.gz)?$/.test(name)) continue
    const bytes = readFileSync(join(folder, name))
    segments.set(
      Number(name.slice(stem.length + 1).split('.')[0]),
      name.endsWith('.gz') ? gunzipSync(bytes) : bytes,
    )
  }
  const live = readFileSync(file)
  const first = /"seq":(\d+)/.exec(live.subarray(0, live.indexOf(10)).toString('utf8'))?.[1]
  segments.set(Number(first), live)
  return segments
}

/** What was acknowledged must be a beginning of a segment, to the byte. */
function notIn(segments: Map<number, Buffer>, acknowledged: readonly Acknowledged[]): string[] {
  const wrong: string[] = []
  for (const [segment, bytes] of segments) {
    const hash = createHash('sha256')
    let at = 0
    for (const each of acknowledged
      .filter((one) => one.segment === segment)
      .sort((a, b) => a.offset - b.offset)) {
      hash.update(bytes.subarray(at, each.offset))
      at = each.offset
      const is = at <= bytes.length && hash.copy().digest('hex') === each.sha256
      if (!is) wrong.push(`acknowledged up to ${at} of segment ${segment}, which is not what is there`)
    }
  }
  const known = acknowledged.filter(({ segment }) => segments.has(segment)).length
  if (known !== acknowledged.length) wrong.push('a segment was acknowledged that is not there')
  return wrong
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
