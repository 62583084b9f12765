/**
 * What all views share: the log, one position in it, one filter. A view reads these signals; only the functions here
 * set them.
 */
import { batch, computed, signal } from '@preact/signals'
import type { LogOverview, Me, PositionAnswer } from '../../serve/api/shapes.js'
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

/** In a hive of several logs: the line's own place, which is the same for everybody. */
let ownPlace: { position: number; of: string; seq: number } | undefined
/** A place in the address that is still to be found. */
export const wantedPlace = signal<{ of: string; seq: number } | undefined>(undefined)

function herePlace(): Pick<Place, 'seq' | 'of'> {
  if (isFollowing.value) return {}
  if (wantedPlace.value !== undefined) return wantedPlace.value
  if (ownPlace?.position === position.value) return { of: ownPlace.of, seq: ownPlace.seq }
  return { seq: position.value }
}

function here(): Place {
  return {
    log: logId.value,
    ...herePlace(),
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
    clearTimeout(calm)
    if (!isOneLog.peek() && !isFollowing.peek()) calm = setTimeout(rememberOwn, CALM_MS)
  }, 100)
}

const CALM_MS = 400
let calm: ReturnType<typeof setTimeout> | undefined

/** The place in the merged story may be another on another day; the line's own number is not. */
async function rememberOwn(): Promise<void> {
  const at = position.peek()
  if (ownPlace?.position === at) return
  try {
    const place = (await api().get(logPath('/position'), { at })) as PositionAnswer
    if (place.position !== at || place.seq === undefined || place.log === undefined) return
    ownPlace = { position: at, of: place.log.slice(place.log.lastIndexOf('/') + 1), seq: place.seq }
    if (position.peek() === at) remember()
  } catch (error) {
    take(error)
  }
}

/** Goes to the place that the address names by a log of the hive. */
export async function findWanted(): Promise<void> {
  const wanted = wantedPlace.peek()
  if (wanted === undefined || logId.peek() === '') return
  try {
    const { position: at } = (await api().get(logPath('/position'), {
      log: wanted.of,
      seq: wanted.seq,
    })) as PositionAnswer
    if (wantedPlace.peek() !== wanted) return
    batch(() => {
      wantedPlace.value = undefined
      goTo(at)
    })
  } catch (error) {
    wantedPlace.value = undefined
    say(take(error)?.message ?? '')
  }
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
    wantedPlace.value = undefined
    if (place.seq !== undefined) {
      isFollowing.value = false
      if (place.of === undefined) position.value = place.seq
      else if (place.of !== ownPlace?.of || place.seq !== ownPlace.seq)
        wantedPlace.value = { of: place.of, seq: place.seq }
      else position.value = ownPlace.position
    } else if (!isFollowing.value) {
      isFollowing.value = true
      position.value = last.value
    }
    if (isOther) logId.value = place.log
  })
  return isOther
}
