/**
 * `POST /v1/hooks/claude-code`: what Claude Code's hooks tell. A `PermissionRequest` waits until a person decides, for 60
 * seconds unless `?wait=SECONDS` or the header `Hivelog-Wait` says otherwise (at most 600), and is answered with the
 * decision; after that the answer is empty, and Claude Code asks where it runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Decision } from '../../decide/decisions.js'
import type { EventStore } from '../events.js'
import { HttpError, readBody } from '../http.js'
import type { Metrics } from '../metrics.js'
import { storable } from '../otlp/session-of.js'
import type { Asked, Route } from '../router.js'
import type { Values } from './agent-event.js'
import { CLAUDE_TERMINAL } from './claude-code.js'
import { ClaudeHooks, permissionAnswer } from './claude-hooks.js'
import { HOOK_PATH } from './settings.js'

const LIMITS = { sent: 16 * 1024 * 1024, unpacked: 16 * 1024 * 1024, ms: 30_000 }
const DEFAULT_WAIT = 60
const MAX_WAIT = 600

export interface HookParts {
  events: EventStore
  metrics: Metrics
}

export interface HookDesk {
  routes: Route[]
  /** Lets all go that wait for a decision: their answer is empty. */
  release(): void
}

type Decided = Pick<Decision, 'approve' | 'by' | 'note'>

export function hookDesk({ events, metrics }: HookParts): HookDesk {
  const hooks = new ClaudeHooks()
  const waiting = new Set<() => void>()

  async function answer({ request, response, admit }: Asked, wait: number): Promise<object> {
    const bytes = await readBody(request, LIMITS)
    const body = hookIn(bytes)
    const session = storable(body.session_id as string)
    admit([session])
    const received = (lines: number): void => metrics.received({ bytes: bytes.length, lines })
    if (body.hook_event_name !== 'PermissionRequest') {
      const told = hooks.told(body, session, Date.now())
      if (told !== undefined) received((await events.tell([told])).accepted)
      return {}
    }
    const decided = await events.with(session, (log) => {
      const mayAsk = (of: string): boolean => log.known.mayAsk(of, CLAUDE_TERMINAL)
      const { told, id } = hooks.permission(body, session, Date.now(), mayAsk)
      log.tell([told])
      return { asked: events.durable(session, log), decision: decisionOf(log, id, response, wait) }
    })
    await decided.asked
    received(1)
    const decision = await decided.decision
    return decision === undefined ? {} : permissionAnswer(decision.approve, decision.by, decision.note)
  }

  /**
   * Resolves with what a person decides; with nothing when time is up, something else is asked under that id, the asker
   * goes, or the server stops.
   */
  function decisionOf(
    log: { onDecision(id: string, waiter: (decision?: Decided) => void): () => void },
    id: string,
    response: ServerResponse,
    wait: number,
  ): Promise<Decided | undefined> {
    return new Promise((resolve) => {
      const end = (decision?: Decided): void => {
        clearTimeout(timer)
        stop()
        waiting.delete(release)
        response.off('close', release)
        resolve(decision)
      }
      const release = (): void => end()
      const stop = log.onDecision(id, end)
      const timer = setTimeout(release, wait * 1000)
      waiting.add(release)
      response.on('close', release)
    })
  }

  return {
    routes: [
      {
        method: 'POST',
        path: HOOK_PATH,
        scope: 'ingest',
        run: async (asked) => {
          try {
            return await answer(asked, waitOf(asked.request, asked.query))
          } catch (error) {
            // What JSON takes in, it may not give out.
            if (error instanceof RangeError) throw new HttpError(400, 'values lie too deep in each other')
            throw error
          }
        },
      },
    ],
    release() {
      for (const each of [...waiting]) each()
    },
  }
}

/** @throws {HttpError} */
function waitOf({ headers }: IncomingMessage, query: URLSearchParams): number {
  const given = query.get('wait') ?? headers['hivelog-wait'] ?? String(DEFAULT_WAIT)
  const seconds = /^\d{1,3}$/.test(String(given)) ? Number(given) : Number.NaN
  if (seconds <= MAX_WAIT) return seconds
  throw new HttpError(400, `wait must be whole seconds from 0 to ${MAX_WAIT}`)
}

/** @throws {HttpError} */
function hookIn(bytes: Buffer): Values {
  let body: unknown
  try {
    body = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new HttpError(400, 'the body is not JSON')
  }
  const { session_id: session, hook_event_name: name } = (body ?? {}) as Record<string, unknown>
  if (typeof session === 'string' && session !== '' && typeof name === 'string') return body as Values
  throw new HttpError(400, 'the body is no hook of Claude Code: session_id or hook_event_name is missing')
}
