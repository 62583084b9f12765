/**
 * A list of any length: only the rows that are seen exist. All rows have one height, so that row N is known to be at
 * N times it, without a table of a million places.
 */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** Browsers lay out no element that is higher than some tens of millions of pixels: beyond, scrolling is in scale. */
const MAX_HEIGHT = 12_000_000
const BEYOND = 8

export interface ListProps {
  label: string
  count: number
  rowHeight: number
  /** The row that is chosen; seen when it changes. */
  active: number
  /** Stays at the end as rows are added. */
  sticks?: boolean
  id: string
  row(index: number): ComponentChildren
  /** Which rows are seen. */
  seen?(from: number, to: number): void
  choose(index: number, isOpened: boolean): void
  /** The reader scrolled away from the end, by hand. */
  left?(): void
}

export function VirtualList(props: ListProps) {
  const { label, count, rowHeight, active, id } = props
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(400)
  const whole = count * rowHeight
  const drawn = Math.min(whole, MAX_HEIGHT)
  const scale = drawn > height && whole > drawn ? (whole - height) / (drawn - height) : 1
  const offset = Math.min(top * scale, Math.max(0, whole - height))
  const from = Math.max(0, Math.floor(offset / rowHeight) - BEYOND)
  const to = Math.min(count - 1, Math.ceil((offset + height) / rowHeight) + BEYOND)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const sized = new ResizeObserver(() => setHeight(element.clientHeight))
    sized.observe(element)
    return () => sized.disconnect()
  }, [])

  const lastTop = useRef(0)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || count === 0) return
    const rowTop = active * rowHeight
    const isSeen = rowTop >= offset && rowTop + rowHeight <= offset + height
    if (props.sticks === true) element.scrollTop = drawn
    else if (!isSeen && active >= 0) element.scrollTop = (rowTop - height / 2) / scale
    lastTop.current = element.scrollTop
    setTop(element.scrollTop)
    // Only when another row is chosen, or the list grows under a reader who stays at its end.
    // See above
  }, [active, props.sticks, props.sticks ? count : 0, height])

  useLayoutEffect(() => {
    if (to >= from) props.seen?.(from, to)
  })

  const scrolled = () => {
    const at = box.current?.scrollTop ?? 0
    if (at < lastTop.current - 2) props.left?.()
    lastTop.current = at
    setTop(at)
  }
  const pressed = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 1)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      j: 1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -count,
      End: count,
    }
    const step = steps[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Enter') props.choose(active, true)
    else if (step !== undefined) props.choose(Math.min(count - 1, Math.max(0, active + step)), false)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  const indices = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
  const isDrawn = active >= from && active <= to
  return (
    <div
      ref={box}
      class="virtual"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      {...(isDrawn && { 'aria-activedescendant': `${id}-${active}` })}
      onScroll={scrolled}
      onKeyDown={pressed}
    >
      <div class="virtual-space" style={{ height: `${drawn}px` }}>
        <div class="virtual-rows" style={{ height: `${Math.min(height, drawn)}px` }}>
          {/* Only this moves as one scrolls: rows stay as they are. */}
          <div class="virtual-slide" style={{ transform: `translateY(${from * rowHeight - offset}px)` }}>
            {indices.map((index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and names its active row
              <div
                key={index}
                id={`${id}-${index}`}
                role="option"
                aria-selected={index === active}
                aria-posinset={index + 1}
                aria-setsize={count}
                class={index === active ? 'row active' : 'row'}
                style={{ height: `${rowHeight}px` }}
                onClick={() => props.choose(index, true)}
              >
                {props.row(index)}
              </div>
            ))}
          </div>
        </div>
      </div>
    </div>
  )
}
