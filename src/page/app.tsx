/** The frame around the views: head, navigation, the view, and the slider under all of it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect } from 'preact/hooks'
import { askFloor, askWhole, floor } from './data/floor.js'
import { startKeys } from './data/keys.js'
import { startLive, stopLive } from './data/live.js'
import { openLog } from './data/open.js'
import { report } from './data/report.js'
import {
  connection,
  findWanted,
  isFollowing,
  last,
  logId,
  needsToken,
  notice,
  overview,
  position,
  readAddress,
  show,
  shown,
  transport,
  trouble,
  view,
} from './data/store.js'
import { Dock } from './parts/dock.js'
import { Head } from './parts/head.js'
import { Nav } from './parts/nav.js'
import { Clock, grouped } from './parts/text.js'
import { AgentView } from './views/agent.js'
import { Calls } from './views/calls.js'
import { Catalogue } from './views/catalogue.js'
import { Checks } from './views/checks.js'
import { Compare } from './views/compare.js'
import { Cost } from './views/cost.js'
import { DeskView } from './views/desk.js'
import { EventPanel } from './views/event.js'
import { Feed } from './views/feed.js'
import { FloorView } from './views/floor.js'
import { Help } from './views/help.js'
import { LanesView } from './views/lanes.js'
import { SignIn } from './views/sign-in.js'
import { Waits } from './views/waits.js'

/** Below, a feed beside the floor would leave neither room. */
const WIDE = '(min-width: 1180px)'

export function App() {
  useEffect(() => {
    const stopKeys = startKeys()
    const changed = () => {
      if (readAddress()) openLog()
      else findWanted()
    }
    const visible = () => (document.hidden ? stopLive() : startLive())
    addEventListener('hashchange', changed)
    document.addEventListener('visibilitychange', visible)
    return () => {
      stopKeys()
      removeEventListener('hashchange', changed)
      document.removeEventListener('visibilitychange', visible)
    }
  }, [])
  const at = position.value
  const isLive = isFollowing.value
  // Asked anew as the position moves; not only after the next frame, which would come a frame later
  useLayoutEffect(() => {
    // While it is followed, the server tells what changes.
    if (!isLive || floor.peek() === undefined || connection.peek() !== 'open' || isReport()) askFloor()
  }, [at, isLive])
  const seen = view.value
  // Another view says more of the same place
  useEffect(askWhole, [seen])

  if (needsToken.value) return <SignIn />
  const hasLog = logId.value !== '' && trouble.value === undefined
  return (
    <div class={`page view-${view.value}`}>
      <Head />
      <Nav />
      <main id="main" tabIndex={-1}>
        <ReportNote />
        <Banner />
        <View />
      </main>
      {shown.value !== undefined && hasLog && <EventPanel at={shown.value} />}
      {hasLog && last.value > 0 && <Dock />}
      <Help />
      <div class="announce" role="status" aria-live="polite">
        {notice.value}
      </div>
    </div>
  )
}

const isReport = (): boolean => transport.peek()?.kind === 'report'

function View() {
  if (view.value === 'logs') return <Catalogue />
  if (trouble.value !== undefined) return <Trouble />
  if (overview.value === undefined) return <Loading />
  if (view.value === 'compare') return <Compare />
  if (last.value === 0) return <Empty />
  switch (view.value) {
    case 'feed':
      return <Feed />
    case 'lanes':
      return <LanesView />
    case 'desk':
      return <DeskView />
    case 'cost':
      return <Cost />
    case 'calls':
      return <Calls />
    case 'waits':
      return <Waits />
    case 'checks':
      return <Checks />
    case 'agent':
      return <AgentView />
    default:
      return (
        <div class="floor-and-feed">
          <FloorView />
          {matchMedia(WIDE).matches && <Feed isAside />}
        </div>
      )
  }
}

/** How much of the log a report holds. */
function ReportNote() {
  const made = report.value
  if (made === undefined) return null
  const isWhole = made.events === made.ofEvents
  return (
    <p class="banner">
      A report, made <Clock ts={made.made} day />: {isWhole ? 'all' : `the newest ${grouped(made.events)} of`}{' '}
      {grouped(made.ofEvents)} events, the floor at {grouped(made.floors)} of their positions. The reports
      count the whole log.
    </p>
  )
}

function Banner() {
  if (connection.value === 'lost') {
    return (
      <p class="banner lost" role="alert">
        The server does not answer. What is shown is what was known; it is asked again by itself. If it was
        stopped, start it: <code>hivelog serve</code>
      </p>
    )
  }
  const damage = (overview.value?.malformed ?? 0) + (overview.value?.lost ?? 0)
  if (damage === 0 || view.value === 'checks' || view.value === 'logs') return null
  const { malformed = 0, lost = 0 } = overview.value ?? {}
  return (
    <p class="banner damaged">
      {malformed > 0 && `${grouped(malformed)} lines of this log cannot be read. `}
      {lost > 0 && `Its writer says that ${grouped(lost)} events were lost. `}
      All else is shown;{' '}
      <button type="button" class="link" onClick={() => show('checks')}>
        Checks
      </button>{' '}
      says where.
    </p>
  )
}

function Screen({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="screen" aria-label={title}>
      <svg class="screen-mark" viewBox="0 0 48 48" aria-hidden="true">
        <path d="M24 4 41 14v20L24 44 7 34V14z" />
      </svg>
      <h1>{title}</h1>
      {children}
    </section>
  )
}

function Loading() {
  return (
    <Screen title="Reading the log…">
      <p>A long log is read once from its start; after that its index lies beside it.</p>
    </Screen>
  )
}

function Empty() {
  return (
    <Screen title="Nothing has happened yet">
      <p>The log is there, and no event is in it. The first one appears here by itself.</p>
    </Screen>
  )
}

function Trouble() {
  const error = trouble.value
  return (
    <Screen title={error?.status === 404 ? 'This log is not here' : 'This log cannot be shown'}>
      <p>{error?.message}</p>
      <p>
        <button type="button" class="primary" onClick={() => openLog()}>
          Try again
        </button>{' '}
        <button
          type="button"
          onClick={() => {
            view.value = 'logs'
          }}
        >
          All logs
        </button>
      </p>
    </Screen>
  )
}
