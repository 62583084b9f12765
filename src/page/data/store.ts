/**
 * What all views share: the log, one position in it, one filter. A view reads these signals; only the functions here
 * set them.
 */
import { batch, computed, signal } from '@preact/signals'
import type { LogOverview, Me } from '../../serve/api/shapes.js'
import { type Filter, NO_FILTER, type Place, parsePlace, type View, writePlace } from './place.js'
import { ApiError, type Transport } from './transport.js'

export type Connection = 'connecting' | 'open' | 'lost'

export const transport = signal<Transport | undefined>(undefined)
export const me = signal<Me | undefined>(undefined)
/** The server wants a token that it knows. */
export const needsToken = signal(false)
export const connection = signal<Connection>('connecting')

export const logId = signal('')
export const overview = signal<LogOverview | undefined>(undefined)
/** Why the log cannot be shown. */
export const trouble = signal<ApiError | undefined>(undefined)
export const view = signal<View>('floor')
export const filter = signal<Filter>(NO_FILTER)
/** Positions of the first and the last event that are known. */
export const first = signal(0)
export const last = signal(0)
export const position = signal(0)
/** Whether the position goes along with the newest event. */
export const isFollowing = signal(true)
/** Position of the event that is shown in full. */
export const shown = signal<number | undefined>(undefined)
/** The other one: of two agents that talk, of two logs that are compared. */
export const other = signal('')
/** Milliseconds, once a second: what ages are counted to while the newest event is followed. */
export const now = signal(Date.now())
/** Times are said in UTC, not in the viewer's zone. */
export const inUtc = signal(false)
/** Said once to a screen reader, and shown for a moment. */
export const notice = signal('')
/** Counts up whenever what was asked before may be out of date: after a lost connection, or a decision. */
export const epoch = signal(0)

export const isOneLog = computed(() => (overview.value?.logs.length ?? 1) <= 1)
export const hasFilter = computed(() => {
  const { text, kinds, agent } = filter.value
  return text !== '' || kinds.length > 0 || agent !== ''
})

export function api(): Transport {
  if (transport.value === undefined) throw new Error('no transport yet')
  return transport.value
}

export const logPath = (rest: string): string => `/api/logs/${encodeURIComponent(logId.value)}${rest}`

/** Takes an error of any answer: one for a token or a lost server concerns the whole page. */
export function take(error: unknown): ApiError | undefined {
  if (!(error instanceof ApiError)) {
    if ((error as Error).name === 'AbortError') return undefined
    throw error
  }
  if (error.status === 401) needsToken.value = true
  if (error.status === 0) connection.value = 'lost'
  return error
}

export function goTo(wanted: number): void {
  batch(() => {
    isFollowing.value = false
    position.value = Math.min(Math.max(Math.round(wanted), Math.min(first.value, last.value)), last.value)
  })
  remember()
}

export function follow(): void {
  batch(() => {
    isFollowing.value = true
    position.value = last.value
  })
  remember()
}

/** The log has grown up to there. */
export function grown(to: number): void {
  if (to <= last.value) return
  batch(() => {
    last.value = to
    if (first.value === 0) first.value = 1
    if (isFollowing.value) position.value = to
  })
}

export function show(next: View): void {
  view.value = next
  remember()
}

/** Shows an event in full, and goes to it in every view. */
export function showEvent(at: number): void {
  batch(() => {
    goTo(at)
    shown.value = at
  })
  remember()
}

export function hideEvent(): void {
  shown.value = undefined
  remember()
}

export function setFilter(change: Partial<Filter>): void {
  filter.value = { ...filter.value, ...change }
  remember()
}

export function showAgent(agentId: string): void {
  batch(() => {
    filter.value = { ...filter.value, agent: agentId }
    other.value = ''
    view.value = 'agent'
  })
  remember()
}

/** The lines that a figure was counted from. */
export function showLines(change: Partial<Filter>): void {
  batch(() => {
    filter.value = { ...NO_FILTER, ...change }
    view.value = 'feed'
  })
  remember()
}

export function setOther(name: string): void {
  other.value = name
  remember()
}

const NOTICE_MS = 5_000
let noticeTimer: ReturnType<typeof setTimeout> | undefined

export function say(text: string): void {
  notice.value = text
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => {
    notice.value = ''
  }, NOTICE_MS)
}

function here(): Place {
  return {
    log: logId.value,
    ...(!isFollowing.value && { seq: position.value }),
    view: view.value,
    filter: filter.value,
    ...(shown.value !== undefined && { event: shown.value }),
    ...(other.value !== '' && { with: other.value }),
  }
}

let isWaiting = false

/** Puts the place into the address, at most ten times a second: browsers refuse more. */
export function remember(): void {
  if (isWaiting) return
  isWaiting = true
  setTimeout(() => {
    isWaiting = false
    const hash = writePlace(here())
    if (hash !== location.hash) history.replaceState(null, '', hash)
  }, 100)
}

/** Takes over what the address says. @returns whether it names another log */
export function readAddress(): boolean {
  const place = parsePlace(location.hash)
  const isOther = place.log !== '' && place.log !== logId.value
  batch(() => {
    view.value = place.view
    filter.value = place.filter
    other.value = place.with ?? ''
    shown.value = place.event
    if (place.seq !== undefined) {
      isFollowing.value = false
      position.value = place.seq
    } else if (!isFollowing.value) {
      isFollowing.value = true
      position.value = last.value
    }
    if (isOther) logId.value = place.log
  })
  return isOther
}
