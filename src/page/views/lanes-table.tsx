/** The same as the lanes' canvas, for who reads it by keys or by ear. */
import type { Bar, LaneMessage, Lanes } from '../../serve/api/shapes.js'
import { PositionLink } from '../parts/place-link.js'
import { type Column, Table } from '../parts/table.js'
import { Clock, clean, duration, Said } from '../parts/text.js'

interface Row {
  ts: number
  position: number
  who: string
  what: string
  name: string
  ms: number | undefined
  failed: boolean
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'from', by: ({ ts }) => ts, cell: ({ ts }) => <Clock ts={ts} /> },
  { name: 'who', by: ({ who }) => who, cell: ({ who }) => <Said text={who} most={120} /> },
  {
    name: 'what',
    by: ({ what }) => what,
    cell: ({ what, failed }) => <span class={failed ? 'bad' : ''}>{clean(what)}</span>,
  },
  { name: 'of', cell: ({ name }) => <Said text={name} most={200} /> },
  {
    name: 'took',
    isNumber: true,
    by: ({ ms }) => ms ?? -1,
    cell: ({ ms }) => (ms === undefined ? '—' : duration(ms)),
  },
  {
    name: 'line',
    isNumber: true,
    by: ({ position }) => position,
    cell: ({ position }) => <PositionLink at={position} />,
  },
]

export function LanesTable({ lanes }: { lanes: Lanes }) {
  const rows = [...lanes.bars.map(ofBar), ...lanes.messages.map(ofMessage)].sort((a, b) => a.ts - b.ts)
  return (
    <Table
      caption="What the lanes show"
      columns={COLUMNS}
      rows={rows}
      keyOf={({ position, what }) => `${position} ${what}`}
    />
  )
}

const ofBar = ({ agentId, type, name, from, to, ok, position }: Bar): Row => ({
  ts: from,
  position,
  who: agentId,
  what: ok === false ? `${type}, failed` : type,
  name,
  ms: to === undefined ? undefined : to - from,
  failed: ok === false,
})

const ofMessage = ({ from, to, ts, takenTs, act, position }: LaneMessage): Row => ({
  ts,
  position,
  who: `${from} → ${to}`,
  what: takenTs === undefined ? 'message, not taken' : 'message',
  name: act ?? '',
  ms: takenTs === undefined ? undefined : takenTs - ts,
  failed: false,
})
