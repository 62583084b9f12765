/** The head: which log, how it is, search, and how things are shown. */
import { useEffect, useState } from 'preact/hooks'
import { floor } from '../data/floor.js'
import { isHelpOpen } from '../data/keys.js'
import {
  connection,
  filter,
  goTo,
  inUtc,
  isFollowing,
  last,
  logId,
  overview,
  position,
  setFilter,
  show,
  transport,
  view,
} from '../data/store.js'
import { Icon } from './icons.js'
import { clean, dollars, grouped, Said, short } from './text.js'
import { turnTheme } from './theme.js'

export function Head() {
  const entry = overview.value
  useEffect(() => {
    document.title = entry === undefined ? 'hivelog' : `${clean(entry.name)} · hivelog`
  }, [entry?.name])
  return (
    <header class="head">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the view
      </button>
      <button type="button" class="brand" aria-label="All logs" onClick={() => show('logs')}>
        <svg viewBox="0 0 48 48" aria-hidden="true" class="logo">
          <path d="M24 4 41 14v20L24 44 7 34V14z" />
          <circle cx="24" cy="24" r="5.5" />
        </svg>
      </button>
      <div class="which">
        <span class="log-name">{entry === undefined ? 'hivelog' : <Said text={entry.name} most={80} />}</span>
        {logId.value !== '' && entry !== undefined && (
          <span class="log-state">
            <LiveState />
            <SealMark />
          </span>
        )}
      </div>
      <Sums />
      <Search />
      <div class="head-buttons">
        <button
          type="button"
          class="quiet"
          aria-pressed={inUtc.value}
          title="Times in UTC (u)"
          onClick={() => {
            inUtc.value = !inUtc.value
          }}
        >
          UTC
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Light or dark"
          title="Light or dark (d)"
          onClick={turnTheme}
        >
          <Icon name="sun" />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Keys"
          title="Keys (?)"
          onClick={() => {
            isHelpOpen.value = true
          }}
        >
          ?
        </button>
      </div>
    </header>
  )
}

function LiveState() {
  if (transport.value?.kind === 'report') return <span class="state-chip">report</span>
  if (connection.value === 'lost') return <span class="state-chip bad">no connection</span>
  if (overview.value?.live === true) return <span class="state-chip live">live</span>
  return <span class="state-chip">at rest</span>
}

/** A seal vouches for what is before it: nothing there can be changed unseen. */
function SealMark() {
  const sealed = overview.value?.sealed
  if (sealed === undefined) return null
  const isIn = position.value <= sealed.position
  const text = `${sealed.signed ? 'signed and sealed' : 'sealed'} up to ${grouped(sealed.position)}`
  return (
    <button
      type="button"
      class={isIn ? 'seal in' : 'seal'}
      title={text}
      onClick={() => goTo(sealed.position)}
    >
      <Icon name="seal" />
      <span>{text}</span>
    </button>
  )
}

function Sums() {
  const now = floor.value
  if (now === undefined || view.value === 'logs') return <div class="sums" />
  const alive = now.agents.filter(({ status }) => status === 'alive' || status === 'held').length
  return (
    <dl class="sums">
      <div>
        <dt>alive</dt>
        <dd>
          {grouped(alive)}
          <small>/{grouped(now.agents.length)}</small>
        </dd>
      </div>
      <div class={now.pending.length > 0 ? 'human' : ''}>
        <dt>wait for you</dt>
        <dd>{grouped(now.pending.length)}</dd>
      </div>
      <div>
        <dt>tokens</dt>
        <dd>{short(now.usage.inputTokens + now.usage.outputTokens)}</dd>
      </div>
      <div>
        <dt>cost</dt>
        <dd>{dollars(now.usage.costUsd)}</dd>
      </div>
    </dl>
  )
}

const TYPING_MS = 250

function Search() {
  const [text, setText] = useState(filter.value.text)
  const now = filter.value.text
  useEffect(() => setText(now), [now])
  useEffect(() => {
    if (text === filter.peek().text) return
    const timer = setTimeout(() => {
      if (text === filter.peek().text) return
      setFilter({ text })
      if (text !== '' && view.peek() !== 'logs' && view.peek() !== 'floor') show('feed')
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [text])
  const search = (wanted: string) => {
    const seq = /^\d+$/.test(wanted) ? Number(wanted) : 0
    const isPlace = seq > 0 && seq <= last.peek()
    setText(isPlace ? '' : wanted)
    setFilter({ text: isPlace ? '' : wanted })
    if (isPlace) goTo(seq)
    else if (view.peek() !== 'logs') show('feed')
  }
  return (
    <div class="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search"
        placeholder={view.value === 'logs' ? 'Search logs' : 'Search events'}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') search(event.currentTarget.value)
        }}
      />
      {isFollowing.value ? null : <span class="visually-hidden">Past events are shown</span>}
    </div>
  )
}
