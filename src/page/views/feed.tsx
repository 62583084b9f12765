/** The feed: the lines as `hivelog cat` says them. Without a filter any place of it is one question away. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PlacedEvent } from '../../serve/api/shapes.js'
import { rows } from '../data/rows.js'
import {
  filter,
  first,
  follow,
  goTo,
  hasFilter,
  isFollowing,
  last,
  overview,
  position,
  setFilter,
  showEvent,
} from '../data/store.js'
import { useLater } from '../data/use-answer.js'
import { Icon } from '../parts/icons.js'
import { grouped, Said } from '../parts/text.js'
import { VirtualList } from '../parts/virtual.js'
import { useFiltered } from './feed-filtered.js'
import { FeedRow } from './feed-row.js'

const ROW = 30
const ASIDE_MS = 60

export function Feed({ isAside = false }: { isAside?: boolean }) {
  return (
    <section class={isAside ? 'feed aside' : 'feed'} aria-label="Feed">
      {isAside ? <h2>Feed</h2> : <h1 class="visually-hidden">Feed</h1>}
      {!isAside && <FilterBar />}
      {hasFilter.value && !isAside ? <FilteredList /> : <WholeList isAside={isAside} />}
    </section>
  )
}

function WholeList({ isAside }: { isAside: boolean }) {
  // Read, so that rows that came are drawn.
  rows.version.value
  const begin = first.value
  const count = last.value - begin + 1
  // Beside the floor it comes after it.
  const later = useLater(position.value, ASIDE_MS)
  const at = isAside && !isFollowing.value ? later : position.value
  return (
    <VirtualList
      id="row"
      label="Events"
      count={count}
      rowHeight={ROW}
      active={at - begin}
      sticks={isFollowing.value}
      row={(index) => <FeedRow at={begin + index} placed={rows.at(begin + index)} isShort={isAside} />}
      seen={(from, to) => rows.need(begin + from, begin + to)}
      choose={(index, isOpened) => (isOpened ? showEvent(begin + index) : goTo(begin + index))}
      left={() => {
        if (isFollowing.peek()) goTo(position.peek())
      }}
    />
  )
}

function FilteredList() {
  const found = useFiltered(filter.value, position.value, isFollowing.value ? last.value : 0)
  if (found.error !== undefined) return <p class="nothing">{found.error.message}</p>
  if (found.events.length === 0) {
    return (
      <div class="nothing">
        {found.isLoading ? (
          <p>Looking…</p>
        ) : (
          <p>
            No event fits.{' '}
            <button type="button" onClick={() => setFilter({ text: '', kinds: [], agent: '' })}>
              Clear the filter
            </button>
          </p>
        )}
      </div>
    )
  }
  return (
    <VirtualList
      id="row"
      label="Events that fit"
      count={found.events.length}
      rowHeight={ROW}
      active={nearest(found.events, position.value)}
      sticks={isFollowing.value}
      row={(index) => {
        const placed = found.events[index]
        return <FeedRow at={placed?.position ?? 0} placed={placed} isShort={false} />
      }}
      seen={found.seen}
      choose={(index, isOpened) => {
        const at = found.events[index]?.position
        if (at !== undefined) (isOpened ? showEvent : goTo)(at)
      }}
      left={() => {
        if (isFollowing.peek()) goTo(position.peek())
      }}
    />
  )
}

/** The last row that is not after the position. */
function nearest(events: readonly PlacedEvent[], at: number): number {
  let [low, high] = [0, events.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((events[middle]?.position ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

function FilterBar() {
  const { kinds, agent, text } = filter.value
  const all = overview.value?.kinds ?? []
  return (
    <div class="filter-bar">
      <KindMenu kinds={kinds} all={all} />
      {kinds.map((kind) => (
        <Chip
          key={kind}
          text={kind}
          drop={() => setFilter({ kinds: kinds.filter((each) => each !== kind) })}
        />
      ))}
      {agent !== '' && <Chip text={`agent ${agent}`} drop={() => setFilter({ agent: '' })} />}
      {text !== '' && <Chip text={`“${text}”`} drop={() => setFilter({ text: '' })} />}
      <span class="spring" />
      {!isFollowing.value && (
        <button type="button" class="quiet" onClick={follow}>
          Back to the newest
        </button>
      )}
      {!hasFilter.value && <span class="count">{grouped(last.value - first.value + 1)} events</span>}
    </div>
  )
}

function Chip({ text, drop }: { text: string; drop(): void }) {
  return (
    <button type="button" class="chip" onClick={drop} title="Take this away">
      <Said text={text} most={60} />
      <Icon name="close" />
    </button>
  )
}

function KindMenu({
  kinds,
  all,
}: {
  kinds: readonly string[]
  all: readonly { kind: string; count: number }[]
}) {
  const [isOpen, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!isOpen) return
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent && event.key !== 'Escape') return
      if (event instanceof MouseEvent && box.current?.contains(event.target as Node)) return
      setOpen(false)
    }
    addEventListener('pointerdown', close)
    addEventListener('keydown', close)
    return () => {
      removeEventListener('pointerdown', close)
      removeEventListener('keydown', close)
    }
  }, [isOpen])
  const turn = (kind: string) =>
    setFilter({ kinds: kinds.includes(kind) ? kinds.filter((each) => each !== kind) : [...kinds, kind] })
  return (
    <div class="menu" ref={box}>
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Kinds {kinds.length > 0 ? `(${kinds.length})` : ''}
      </button>
      {isOpen && (
        <fieldset class="menu-list">
          <legend class="visually-hidden">Kinds</legend>
          {all.map(({ kind, count }) => (
            <label key={kind}>
              <input type="checkbox" checked={kinds.includes(kind)} onChange={() => turn(kind)} />
              <Said text={kind} most={60} />
              <small>{grouped(count)}</small>
            </label>
          ))}
        </fieldset>
      )}
    </div>
  )
}
