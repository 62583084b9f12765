/** A link to a line. */
import type { PositionAnswer } from '../../serve/api/shapes.js'
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

/** In a hive of one log a line's position is its `seq`; of several, the server knows. */
export async function goToLine({ log, file, line, seq }: LinePlace): Promise<void> {
  if (isOneLog.peek() && seq !== undefined) return showEvent(seq)
  const query = line !== undefined ? { file, line } : { log, seq }
  try {
    showEvent(((await api().get(logPath('/position'), query)) as PositionAnswer).position)
  } catch (error) {
    say(take(error)?.message ?? '')
  }
}
