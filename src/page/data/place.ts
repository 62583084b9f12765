/** Where in the page one is: kept in the address after `#`, so that a place can be shared. */

export const VIEWS = [
  'floor',
  'feed',
  'lanes',
  'desk',
  'cost',
  'calls',
  'waits',
  'checks',
  'compare',
  'agent',
  'logs',
] as const
export type View = (typeof VIEWS)[number]

/** What of a log is looked at: the same for every view. */
export interface Filter {
  text: string
  kinds: readonly string[]
  agent: string
}

export interface Place {
  log: string
  /** Position; left out while the newest event is followed. */
  seq?: number
  /** In a hive of several logs: the file name of the log whose own number `seq` is. */
  of?: string
  view: View
  filter: Filter
  /** Position of the event that is shown in full. */
  event?: number
  /** The agent whose talk with the first is shown, and the log that is compared with. */
  with?: string
}

export const NO_FILTER: Filter = { text: '', kinds: [], agent: '' }

export function parsePlace(hash: string): Place {
  const given = new URLSearchParams(hash.replace(/^#/, ''))
  const view = VIEWS.find((each) => each === given.get('view'))
  const place: Place = {
    log: given.get('log') ?? '',
    view: view ?? 'floor',
    filter: { text: given.get('text') ?? '', kinds: given.getAll('kind'), agent: given.get('agent') ?? '' },
  }
  const seq = positive(given.get('seq'))
  const event = positive(given.get('event'))
  const other = given.get('with')
  const of = given.get('of')
  return {
    ...place,
    ...(seq !== undefined && { seq }),
    ...(of !== null && seq !== undefined && { of }),
    ...(event !== undefined && { event }),
    ...(other !== null && { with: other }),
  }
}

export function writePlace({ log, seq, of, view, filter, event, with: other }: Place): string {
  const said = new URLSearchParams()
  if (log !== '') said.set('log', log)
  if (seq !== undefined) said.set('seq', String(seq))
  if (of !== undefined && seq !== undefined) said.set('of', of)
  if (view !== 'floor') said.set('view', view)
  if (filter.agent !== '') said.set('agent', filter.agent)
  if (filter.text !== '') said.set('text', filter.text)
  for (const kind of filter.kinds) said.append('kind', kind)
  if (event !== undefined) said.set('event', String(event))
  if (other !== undefined && other !== '') said.set('with', other)
  return `#${said}`
}

function positive(text: string | null): number | undefined {
  const value = Number(text)
  return text !== null && Number.isSafeInteger(value) && value > 0 ? value : undefined
}
