/** A link to a line. */
import type { EventPage } from '../../serve/api/shapes.js'
import { api, isOneLog, logPath, say, showEvent, take } from '../data/store.js'
import { clean, grouped } from './text.js'

/** As reports say where a line is. */
export interface LinePlace {
  log?: string
  file: string
  line?: number
  seq?: number
  /** Epoch milliseconds of its event. */
  ts?: number
}

export function PlaceLink({ place, text }: { place: LinePlace; text?: string }) {
  const name = place.seq ?? place.line
  return (
    <button
      type="button"
      class="link tabular"
      title={`${clean(place.file)}${place.line === undefined ? '' : `:${place.line}`}`}
      onClick={() => goToLine(place)}
    >
      {text ?? (name === undefined ? clean(place.file) : grouped(name))}
    </button>
  )
}

export function PositionLink({ at, text }: { at: number; text?: string }) {
  return (
    <button type="button" class="link tabular" onClick={() => showEvent(at)}>
      {text ?? grouped(at)}
    </button>
  )
}

/** In a hive of one log a line's position is its `seq`; of several, it is found by its time. */
export async function goToLine({ log, file, line, seq, ts }: LinePlace): Promise<void> {
  if (isOneLog.peek() && seq !== undefined) return showEvent(seq)
  if (ts === undefined) return say('The report does not say when that was; look for it in the feed.')
  try {
    const query = { since: ts, until: ts, limit: 1_000 }
    const { events } = (await api().get(logPath('/events'), query)) as EventPage
    const found = events.find(
      (each) =>
        (log === undefined || each.log === undefined || each.log === log) &&
        (line === undefined ? each.seq === seq : each.file === file && each.line === line),
    )
    if (found === undefined) say('That line is no event that can be shown.')
    else showEvent(found.position)
  } catch (error) {
    say(take(error)?.message ?? '')
  }
}
