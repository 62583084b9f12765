import { floor } from '../data/floor.js'
import type { View } from '../data/place.js'
import { logId, show, view } from '../data/store.js'
import { Icon, type IconName } from './icons.js'
import { grouped } from './text.js'

const ITEMS: readonly { view: View & IconName; label: string }[] = [
  { view: 'floor', label: 'Floor' },
  { view: 'feed', label: 'Feed' },
  { view: 'lanes', label: 'Lanes' },
  { view: 'desk', label: 'Desk' },
  { view: 'cost', label: 'Cost' },
  { view: 'calls', label: 'Calls' },
  { view: 'waits', label: 'Waits' },
  { view: 'checks', label: 'Checks' },
  { view: 'compare', label: 'Compare' },
  { view: 'logs', label: 'Logs' },
]

export function Nav() {
  const pending = floor.value?.pending.length ?? 0
  return (
    <nav class="nav" aria-label="Views">
      {ITEMS.map((item, index) => (
        <button
          key={item.view}
          type="button"
          disabled={logId.value === '' && item.view !== 'logs'}
          title={`${item.label} (${(index + 1) % 10})`}
          {...(view.value === item.view && { 'aria-current': 'page' as const })}
          onClick={() => show(item.view)}
        >
          <Icon name={item.view} />
          <span>{item.label}</span>
          {item.view === 'desk' && pending > 0 && <span class="badge">{grouped(pending)}</span>}
        </button>
      ))}
    </nav>
  )
}
