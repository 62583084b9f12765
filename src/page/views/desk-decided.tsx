/** What was decided: by whom, by which way, why, after how long, from which lines. */
import type { Desk } from '../../serve/api/shapes.js'
import { showAgent } from '../data/store.js'
import { PositionLink } from '../parts/place-link.js'
import { type Column, Table } from '../parts/table.js'
import { Clock, clean, duration, Said } from '../parts/text.js'

type Decided = Desk['decided'][number]

export function DecidedTable({ decided }: { decided: readonly Decided[] }) {
  return (
    <>
      <h2>Decided</h2>
      <Table
        caption="Decided"
        columns={COLUMNS}
        rows={decided}
        keyOf={({ id, decidedPosition }) => `${id} ${decidedPosition}`}
      />
    </>
  )
}

const COLUMNS: readonly Column<Decided>[] = [
  {
    name: 'decision',
    by: ({ approve }) => String(approve),
    cell: ({ approve }) => (
      <span class={approve ? 'verdict good' : 'verdict bad'}>{approve ? '✔ approved' : '✘ rejected'}</span>
    ),
  },
  { name: 'question', cell: ({ subject, id }) => <Said text={subject ?? id} most={300} /> },
  {
    name: 'asked by',
    by: ({ from }) => from ?? '',
    cell: ({ from }) =>
      from === undefined ? (
        '—'
      ) : (
        <button type="button" class="link" onClick={() => showAgent(from)}>
          <Said text={from} most={60} />
        </button>
      ),
  },
  {
    name: 'decided by',
    by: ({ by }) => by ?? '',
    cell: ({ by, via }) => (
      <>
        <Said text={by ?? 'not told'} most={60} />
        {via !== undefined && <small class="soft"> {clean(via)}</small>}
      </>
    ),
  },
  { name: 'note', cell: ({ note }) => (note === undefined ? '' : <Said text={note} most={300} />) },
  {
    name: 'after',
    isNumber: true,
    by: ({ askedTs, decidedTs }) => decidedTs - askedTs,
    cell: ({ askedTs, decidedTs }) => duration(Math.max(0, decidedTs - askedTs)),
  },
  {
    name: 'at',
    isNumber: true,
    by: ({ decidedTs }) => decidedTs,
    cell: ({ decidedTs }) => <Clock ts={decidedTs} />,
  },
  {
    name: 'lines',
    cell: ({ askedPosition, decidedPosition }) => (
      <>
        <PositionLink at={askedPosition} /> → <PositionLink at={decidedPosition} />
      </>
    ),
  },
]
