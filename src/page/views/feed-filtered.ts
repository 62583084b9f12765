/** Events that fit a filter: found from the position on, further ones as the reader comes to an end of the list. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventPage, PlacedEvent } from '../../serve/api/shapes.js'
import type { Filter } from '../data/place.js'
import { api, epoch, logPath, take } from '../data/store.js'
import { type ApiError, address } from '../data/transport.js'

const PAGE = 200
/** Rows kept: of more, those furthest from the reader go. */
const MAX_ROWS = 20_000
const NEAR_END = 40

export interface Filtered {
  events: readonly PlacedEvent[]
  isLoading: boolean
  error?: ApiError
  seen(from: number, to: number): void
}

interface Found {
  key: string
  events: PlacedEvent[]
  /** Whether there is more before and after. */
  before: boolean
  after: boolean
  isLoading: boolean
  error?: ApiError
}

const NOTHING: Found = { key: '', events: [], before: false, after: false, isLoading: true }

/** @param end the newest position while it is followed: what comes there is looked at too */
export function useFiltered({ text, kinds, agent }: Filter, at: number, end: number): Filtered {
  const path = logPath('/events')
  const query = { text, kind: kinds, agent }
  const key = `${address(path, query)} ${epoch.value}`
  const [found, set] = useState(NOTHING)
  const current = useRef('')
  const busy = useRef(false)

  const ask = async (more: { before: number } | { after: number }): Promise<EventPage | undefined> => {
    try {
      return (await api().get(path, { ...query, ...more, limit: PAGE })) as EventPage
    } catch (error) {
      const said = take(error)
      if (said !== undefined && current.current === key)
        set({ ...NOTHING, key, isLoading: false, error: said })
      return undefined
    }
  }

  // The key says all that is asked
  useEffect(() => {
    current.current = key
    set({ ...NOTHING, key })
    const start = async () => {
      const [back, on] = await Promise.all([ask({ before: at + 1 }), ask({ after: at })])
      if (current.current !== key || back === undefined || on === undefined) return
      set({
        key,
        events: [...back.events, ...on.events],
        before: back.prev !== undefined,
        after: on.next !== undefined,
        isLoading: false,
      })
    }
    start()
  }, [key])

  const grow = async (side: 'before' | 'after') => {
    if (busy.current) return
    busy.current = true
    const edge = side === 'before' ? found.events[0] : found.events.at(-1)
    const from = edge?.position ?? (side === 'before' ? 1 : at)
    const page = await ask(side === 'before' ? { before: from } : { after: from })
    busy.current = false
    if (page === undefined || current.current !== key) return
    set((now) => {
      if (side === 'after') {
        const events = [...now.events, ...page.events].slice(-MAX_ROWS)
        return { ...now, events, after: page.next !== undefined }
      }
      return {
        ...now,
        events: [...page.events, ...now.events].slice(0, MAX_ROWS),
        before: page.prev !== undefined,
      }
    })
  }

  // Only when the log has grown
  useEffect(() => {
    if (end > 0 && !found.isLoading && !found.after) grow('after')
  }, [end])

  return {
    events: found.key === key ? found.events : [],
    isLoading: found.isLoading || found.key !== key,
    ...(found.error !== undefined && { error: found.error }),
    seen: (from, to) => {
      if (found.isLoading) return
      if (found.before && from < NEAR_END) grow('before')
      else if (found.after && to > found.events.length - NEAR_END) grow('after')
    },
  }
}
