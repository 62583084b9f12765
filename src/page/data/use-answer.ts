/** An answer of the API in a component: asked for when its address changes, the old one kept until the new is there. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, epoch, take } from './store.js'
import { type ApiError, address, type Query } from './transport.js'

export interface Asked<T> {
  value?: T
  error?: ApiError
  isLoading: boolean
}

/**
 * @param path `undefined` asks for nothing
 * @param again another value asks again, as a growing log does
 */
export function useAnswer<T>(path: string | undefined, query: Query = {}, again: unknown = ''): Asked<T> {
  const url = path === undefined ? undefined : address(path, query)
  const [state, set] = useState<Asked<T> & { url?: string }>({ isLoading: url !== undefined })
  const round = epoch.value
  // The address says path and query; the others ask again
  useEffect(() => {
    if (url === undefined) return
    const ended = new AbortController()
    set((before) => ({ ...before, isLoading: true }))
    api()
      .get(url, {}, ended.signal)
      .then(
        (value) => set({ value: value as T, isLoading: false, url }),
        (error) => {
          const said = take(error)
          if (said !== undefined) set({ error: said, isLoading: false, url })
        },
      )
    return () => ended.abort()
  }, [url, round, again])
  return state
}

/** A number that changes at most so often, so that a report is not asked for at each event of a growing log. */
export function useSlowly(value: number, ms = 2_000): number {
  const [slow, set] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return slow
}

/** A number that is taken over some time after it changed, and then as it is: for what may wait while it runs on. */
export function useLater(value: number, ms: number): number {
  const [later, set] = useState(value)
  const newest = useRef(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  newest.current = value
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      set(newest.current)
    }, ms)
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  return later
}
