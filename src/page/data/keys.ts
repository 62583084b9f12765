/** The page's keys: one table, which the help shows too. */
import { signal } from '@preact/signals'
import { turnTheme } from '../parts/theme.js'
import type { View } from './place.js'
import { isPlaying, togglePlay } from './play.js'
import { follow, goTo, hideEvent, inUtc, last, position, show, shown } from './store.js'

export const isHelpOpen = signal(false)

interface Key {
  keys: readonly string[]
  /** How the help names it; the keys themselves by default. */
  label?: string
  does: string
  act(event: KeyboardEvent): void
}

const toView = (key: string, name: View, does: string): Key => ({ keys: [key], does, act: () => show(name) })
const step = (event: KeyboardEvent, by: number): void =>
  goTo(position.peek() + by * (event.shiftKey ? 100 : 1))

export const KEYS: readonly Key[] = [
  toView('1', 'floor', 'Floor'),
  toView('2', 'feed', 'Feed'),
  toView('3', 'lanes', 'Lanes'),
  toView('4', 'desk', 'Desk'),
  toView('5', 'cost', 'Cost'),
  toView('6', 'calls', 'Calls'),
  toView('7', 'waits', 'Waits'),
  toView('8', 'checks', 'Checks'),
  toView('9', 'compare', 'Compare'),
  toView('0', 'logs', 'All logs'),
  { keys: ['/'], does: 'Search', act: () => document.getElementById('search')?.focus() },
  { keys: [',', '<'], label: ',', does: 'One event back; with Shift 100', act: (e) => step(e, -1) },
  { keys: ['.', '>'], label: '.', does: 'One event on; with Shift 100', act: (e) => step(e, 1) },
  { keys: ['Home'], does: 'First event', act: () => goTo(1) },
  { keys: ['End'], does: 'Last event', act: () => goTo(last.peek()) },
  { keys: ['p'], does: 'Play, or pause', act: togglePlay },
  { keys: ['l'], does: 'Live: follow the newest event', act: follow },
  { keys: ['u'], does: 'Times in UTC, or in your zone', act: () => flip(inUtc) },
  { keys: ['d'], does: 'Light or dark', act: turnTheme },
  { keys: ['?'], does: 'These keys', act: () => flip(isHelpOpen) },
]

/** Keys of single views, for the help: they act where the focus is. */
export const VIEW_KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓ j k', 'Feed: another line; Enter shows it in full'],
  ['+ −', 'Lanes: zoom, ← → move in time, f shows all'],
  ['← → ↑ ↓', 'Floor: another agent; Enter opens it'],
  ['↑ ↓ j k', 'Desk: another question; Tab to its buttons'],
  ['Esc', 'Close, or leave a field'],
]

function flip(which: { value: boolean }): void {
  which.value = !which.value
}

/** @returns what ends it */
export function startKeys(): () => void {
  addEventListener('keydown', pressed)
  return () => removeEventListener('keydown', pressed)
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (event.key === 'Escape') {
    if (isHelpOpen.value) isHelpOpen.value = false
    else if (isField(event.target)) {
      // Some browsers would empty a search field.
      event.preventDefault()
      ;(event.target as HTMLElement).blur()
    } else if (isPlaying.value) togglePlay()
    else if (shown.value !== undefined) hideEvent()
    return
  }
  if (isField(event.target)) return
  const key = KEYS.find(({ keys }) => keys.includes(event.key))
  if (key === undefined) return
  // A slider has its own use for these.
  if ((event.key === 'Home' || event.key === 'End') && isSlider(event.target)) return
  event.preventDefault()
  key.act(event)
}

const isSlider = (target: unknown): boolean => target instanceof HTMLInputElement && target.type === 'range'
const isField = (target: unknown): boolean =>
  (target instanceof HTMLInputElement && target.type !== 'range' && target.type !== 'checkbox') ||
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement
