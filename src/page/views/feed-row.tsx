/** One line of the feed, cut into its columns: position, time, kind, what it says. */
import { memo } from 'preact/compat'
import type { PlacedEvent } from '../../serve/api/shapes.js'
import { Clock, clean, grouped, Said } from '../parts/text.js'

/** What the line begins with: its time, a sign, the kind. The page has columns of its own for these. */
const START = /^(?:\d{4,}-\d\d-\d\d )?\d\d:\d\d:\d\d(?:\.\d+)? (.) /u

export interface Line {
  sign: string
  body: string
}

export const lineOf = ({ text, event }: PlacedEvent): Line => partsOf(text, event.kind)

function partsOf(text: string, rawKind: string): Line {
  const start = START.exec(text)
  if (start === null) return { sign: '', body: text }
  const kind = clean(rawKind)
  const rest = text.slice(start[0].length)
  return {
    sign: (start[1] ?? '').trim(),
    body: rest.startsWith(kind) ? rest.slice(kind.length).trim() : rest.trim(),
  }
}

/** What an agent's line says, beside its name: without the name. */
export function sayingOf({ text, kind }: { text: string; kind: string }, agentId: string): string {
  const { body } = partsOf(text, kind)
  const name = `${clean(agentId)} `
  return body.startsWith(name) ? body.slice(name.length).trim() : body
}

const TONES: Record<string, string> = {
  '▲': 'human',
  '✔': 'good',
  '✘': 'bad',
  '!': 'bad',
}

export const FeedRow = memo(function FeedRow(props: {
  at: number
  placed: PlacedEvent | null | undefined
  isShort: boolean
}) {
  const { at, placed, isShort } = props
  if (placed === undefined) return <span class="row-wait">{grouped(at)}</span>
  if (placed === null)
    return <span class="row-wait">{grouped(at)} is no event that can be read; see Checks</span>
  const { event } = placed
  const { sign, body } = lineOf(placed)
  return (
    <>
      {!isShort && <span class="row-seq">{grouped(at)}</span>}
      <Clock ts={event.ts} />
      <span class={`row-sign ${TONES[sign] ?? ''}`} aria-hidden="true">
        {sign}
      </span>
      <span class={`row-kind kind-${kindClass(event.kind)}`}>{clean(event.kind).slice(0, 24)}</span>
      <span class="row-text">
        <Said text={body} most={500} />
      </span>
    </>
  )
})

const KNOWN = new Set([
  'message',
  'drain',
  'escalate',
  'approval',
  'spawn',
  'exit',
  'usage',
  'tool',
  'call',
  'wait',
  'drop',
  'snapshot',
])

const kindClass = (kind: string): string =>
  KNOWN.has(kind) ? kind : kind.startsWith('log.') ? 'log' : 'other'
