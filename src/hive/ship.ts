/** Has a hive's log sent to a server, beside its recording and never in its way. */
import { context, diag, ROOT_CONTEXT } from '@opentelemetry/api'
import type { Decision } from '../decide/decision.js'
import { addressOf, httpUrl, timerMs } from '../format/options.js'
import { brief } from '../format/quote.js'
import { sdk } from '../otel/sdk.js'
import type { HiveShipper, Shipped } from '../ship/shipper.js'

/**
 * Where a hive's log is sent to, and when: as an exact copy, with archived segments, artifacts, and the logs of its
 * child processes. The file is the buffer: what cannot be sent now is sent later, by this process, by the next that
 * opens the log, or by `hivelog ship`. An escalation and an approval are sent at once.
 */
export interface ShipOptions {
  /** Of `hivelog serve`, `http://127.0.0.1:4319` say, or of its `/v1/ingest`. Default: `AGENT_LOG_ENDPOINT`. */
  url?: string
  /** What `hivelog token` or `hivelog serve` printed. Default: `AGENT_LOG_TOKEN`, else none. */
  token?: string
  /** Milliseconds after which what is there is sent. Default: `BATCH_FLUSH_INTERVAL_MS`, else 5,000. */
  flushMs?: number
  /** Bytes after which it is sent at once. Default 1 MiB. */
  maxBytes?: number
  /**
   * Only events of these kinds, which the server stores as events of its own: no copy that could be verified. Default:
   * exact copies of everything.
   */
  kinds?: readonly string[]
  /** Milliseconds that `hive.shutdown()` waits for the last lines to be sent. Default: the hive's `shutdownTimeoutMs`. */
  shutdownTimeoutMs?: number
  /** Is told what a person decided at the server, perhaps more than once. Default: it is handed to the log's own hive. */
  onDecision?: (file: string, decision: Decision) => void
}

/** How far a hive's log is sent. */
export interface ShipStatus {
  /** Address of the server. */
  url: string
  /** Why nothing is sent at present: it cannot be reached, or refuses a log. Default: `undefined`, all is sent. */
  trouble: string | undefined
  /** What this process has sent, of each log. */
  logs: readonly Shipped[]
}

/** What is sent: only the log of a hive that writes one. */
export interface ShippedLog {
  readonly file: string
}

const FLUSH_MS = 5_000
const SHUTDOWN_MS = 5_000

/** One for each log and server, however many hives of this process are on the log. */
const running = new Map<string, { ship: HiveShip; users: number }>()

/**
 * Begins to send `log` as options or environment say, if they say so.
 * @param shutdownMs how long the end may take, unless the options say
 */
export function startShip(
  log: ShippedLog | undefined,
  given: ShipOptions | false | undefined,
  shutdownMs = SHUTDOWN_MS,
): HiveShip | undefined {
  const options = given === false ? undefined : settingsOf(given, shutdownMs)
  if (options === undefined) return undefined
  if (log === undefined) {
    if (given !== undefined) diag.warn('hivelog: the option ship does nothing in a hive without a file')
    return undefined
  }
  const key = `${log.file}\n${options.url}`
  let entry = running.get(key)
  if (entry === undefined) {
    const ship = new HiveShip(log.file, options, () => {
      const it = running.get(key)
      if (it !== undefined && --it.users > 0) return false
      running.delete(key)
      return true
    })
    entry = { ship, users: 0 }
    running.set(key, entry)
  }
  entry.users++
  return entry.ship
}

interface Settings extends ShipOptions {
  url: string
  flushMs: number
  shutdownTimeoutMs: number
  /** Child processes have the same environment, and so send their logs themselves. */
  childrenShip: boolean
}

/** Says what is wrong with the environment, which stops nobody from recording. */
function settingsOf(option: ShipOptions | undefined, shutdownMs: number): Settings | undefined {
  const { AGENT_LOG_ENDPOINT: endpoint, AGENT_LOG_TOKEN: token, BATCH_FLUSH_INTERVAL_MS: flush } = process.env
  const given = option ?? {}
  const url = given.url ?? (endpoint || undefined)
  if (url === undefined) {
    if (option !== undefined) {
      diag.error(
        'hivelog: the log is not sent: the option ship has no url, and AGENT_LOG_ENDPOINT is not set',
      )
    }
    return undefined
  }
  if (!httpUrl.fits(url)) {
    diag.error(
      `hivelog: the log is not sent: AGENT_LOG_ENDPOINT: ${addressOf(url)} is not possible; use ${httpUrl.allowed}`,
    )
    return undefined
  }
  const isFromEnvironment = given.url === undefined
  return {
    ...given,
    url,
    // A token goes where it is meant to go.
    ...(given.token === undefined && isFromEnvironment && token && { token }),
    flushMs: given.flushMs ?? flushOf(flush) ?? FLUSH_MS,
    shutdownTimeoutMs: given.shutdownTimeoutMs ?? shutdownMs,
    childrenShip: isFromEnvironment && given.kinds === undefined,
  }
}

function flushOf(given: string | undefined): number | undefined {
  if (!given) return undefined
  const ms = Number(given)
  if (/^\d+$/.test(given) && ms >= 1 && ms <= 86_400_000) return ms
  diag.warn(
    `hivelog: BATCH_FLUSH_INTERVAL_MS: ${brief(given)} is not possible; use a whole number of milliseconds from 1 to 86400000; it is ${FLUSH_MS}`,
  )
  return undefined
}

/** Sends one hive's log. What goes wrong is told to the diag logger once, and again only after it went well. */
export class HiveShip {
  readonly #file: string
  readonly #settings: Settings
  readonly #release: () => boolean
  readonly #timer: NodeJS.Immediate
  #shipper: HiveShipper | undefined
  #run: Promise<void> | undefined
  #finished: Promise<void> | undefined
  readonly #told = new Set<string>()

  /** @param release gives one user's part back; whether that was the last */
  constructor(file: string, settings: Settings, release: () => boolean) {
    this.#file = file
    this.#settings = settings
    this.#release = release
    // Whoever starts a hive does not wait for what sends its log.
    this.#timer = setImmediate(() => void this.#begin()).unref()
  }

  get status(): ShipStatus {
    const { url } = this.#settings
    return {
      url: this.#shipper?.url ?? addressOf(url),
      trouble: this.#shipper?.trouble,
      logs: this.#shipper?.shipped ?? [],
    }
  }

  /** Sends what the closed log has, within the time there is. Never rejects. */
  finish(): Promise<void> {
    if (this.#finished === undefined) {
      if (!this.#release()) return Promise.resolve()
      this.#finished = this.#finish()
    }
    return this.#finished
  }

  async #finish(): Promise<void> {
    clearImmediate(this.#timer)
    let isLate = false
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      // Holds the process until then.
      timer = setTimeout(() => {
        isLate = true
        resolve()
      }, timerMs(this.#settings.shutdownTimeoutMs))
    })
    const done = this.#begin().then((shipper) => {
      shipper?.finish()
      return this.#run
    })
    await Promise.race([done, late])
    clearTimeout(timer)
    if (!isLate) return
    this.#shipper?.end(new Error('the time is over'))
    const { shutdownTimeoutMs } = this.#settings
    const why = this.#shipper?.trouble
    diag.warn(
      `hivelog: the last lines of ${this.#file} are not sent yet: ${addressOf(this.#settings.url)} has not taken them within ${shutdownTimeoutMs} ms${why === undefined ? '' : ` (${brief(why)})`}; nothing is lost: the next process that opens the log goes on, or hivelog ship`,
    )
  }

  /** Loads what sends, which a hive that sends nothing never does. */
  async #begin(): Promise<HiveShipper | undefined> {
    if (this.#shipper !== undefined) return this.#shipper
    try {
      const { HiveShipper } = await import('../ship/shipper.js')
      if (this.#shipper !== undefined) return this.#shipper
      // What watches requests is not to tell of these.
      const quiet = sdk('@opentelemetry/core').suppressTracing(ROOT_CONTEXT)
      this.#shipper = context.with(quiet, () => this.#started(HiveShipper))
    } catch (error) {
      diag.error(`hivelog: the log is not sent: ${brief(error)}`)
    }
    return this.#shipper
  }

  #started(Shipper: typeof HiveShipper): HiveShipper {
    const { url, token, flushMs, maxBytes, kinds, childrenShip, onDecision } = this.#settings
    const shipper = new Shipper([this.#file], {
      url,
      token,
      flushMs,
      maxBytes,
      kinds,
      childrenShip,
      holds: false,
      onDecision,
      onNotHanded: (error) => this.#tell('decision', `a decision could not be handed over: ${brief(error)}`),
      onTrouble: (why) => {
        if (why === undefined) this.#told.delete('trouble')
        else
          this.#tell(
            'trouble',
            `the log is not sent for now: ${addressOf(url)}: ${brief(why)}; it is kept in ${this.#file}, and tried again`,
          )
      },
      onRefused: (error, file) => this.#tell(`refused ${file}`, `${file} is not sent: ${brief(error)}`),
      onNotOwn: (line, path) => this.#tell(`not own ${path}`, line),
      onRejected: (_, count, reason) =>
        this.#tell('rejected', `the server does not take ${count} of the events: ${brief(reason)}`),
    })
    this.#run = shipper.run().then(
      () => {},
      (error) => diag.error(`hivelog: the log is not sent any more: ${brief(error)}`),
    )
    return shipper
  }

  #tell(what: string, message: string): void {
    if (this.#told.has(what)) return
    this.#told.add(what)
    diag.warn(`hivelog: ${message}`)
  }
}
