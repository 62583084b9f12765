/** Two runs side by side, from where they part: `hivelog diff`. */
import type { EventPlace, LogDiff } from '../../analyse/diff/report.js'
import type { LogList } from '../../serve/api/shapes.js'
import { logId, other, overview, setOther } from '../data/store.js'
import { useAnswer } from '../data/use-answer.js'
import { PlaceLink } from '../parts/place-link.js'
import { type Column, Figure, Table } from '../parts/table.js'
import { clean, grouped, Said } from '../parts/text.js'
import { summary } from './event.js'

const VERDICTS: Record<LogDiff['verdict'], string> = {
  same: 'Both runs are the same.',
  order: 'The same was done, only in another order between agents.',
  differ: 'The runs part.',
}

type AgentRow = LogDiff['agents'][number]

export function Compare() {
  const logs = useAnswer<LogList>('/api/logs', { limit: 1_000 })
  const b = other.value
  const { value, error, isLoading } = useAnswer<LogDiff>(b === '' ? undefined : '/api/compare', {
    a: logId.value,
    b,
  })
  const others = logs.value?.logs.filter(({ id }) => id !== logId.value) ?? []
  return (
    <section class="report compare" aria-label="Compare" aria-busy={isLoading}>
      <div class="report-head">
        <h1>Compare</h1>
        <label>
          <Said text={overview.value?.name ?? ''} most={80} /> with{' '}
          <select value={b} onChange={(event) => setOther(event.currentTarget.value)}>
            <option value="">choose a log</option>
            {others.map(({ id, name, file }) => (
              <option key={id} value={id}>
                {clean(name)} ({clean(file).slice(-60)})
              </option>
            ))}
          </select>
        </label>
      </div>
      {others.length === 0 && !logs.isLoading && (
        <p class="nothing">
          There is no other log here: give hivelog serve the second run too, or hivelog report --compare.
        </p>
      )}
      {error !== undefined && <p class="nothing">{error.message}</p>}
      {b !== '' && value === undefined && isLoading && <p class="nothing">Comparing…</p>}
      {b !== '' && value !== undefined && <Found diff={value} />}
    </section>
  )
}

function Found({ diff }: { diff: LogDiff }) {
  const columns: Column<AgentRow>[] = [
    {
      name: 'agent',
      by: ({ agent }) => agent ?? '',
      cell: ({ agent }) => <Said text={agent ?? 'nobody'} most={100} />,
    },
    { name: 'events here', isNumber: true, by: (row) => row.events.a, cell: (row) => grouped(row.events.a) },
    { name: 'there', isNumber: true, by: (row) => row.events.b, cell: (row) => grouped(row.events.b) },
    { name: 'only here', isNumber: true, by: (row) => row.only.a, cell: (row) => grouped(row.only.a) },
    { name: 'only there', isNumber: true, by: (row) => row.only.b, cell: (row) => grouped(row.only.b) },
  ]
  return (
    <>
      <p class={diff.verdict === 'same' ? 'verified is-on' : 'verified'}>
        <b>{VERDICTS[diff.verdict] ?? diff.verdict}</b>
        {diff.first !== undefined && (
          <>
            {' '}
            First <Said text={diff.first.agent ?? 'the hive'} most={100} />, after {grouped(diff.first.index)}{' '}
            events that are the same
            {diff.first.fields.length > 0 && (
              <>
                : {diff.first.fields.map(({ field }) => clean(field)).join(', ')} differ
                {diff.first.fields.length === 1 ? 's' : ''}
              </>
            )}
            .
          </>
        )}
      </p>
      <dl class="figures">
        <Figure name="in both">{grouped(diff.common)}</Figure>
        <Figure name="only here">{grouped(diff.a.only)}</Figure>
        <Figure name="only there">{grouped(diff.b.only)}</Figure>
      </dl>
      {diff.around.rows.length > 0 && (
        <div class="table-box sides" tabIndex={0} role="region" aria-label="Around the first difference">
          <table>
            <caption class="visually-hidden">Around the first difference</caption>
            <thead>
              <tr>
                <th scope="col">this run</th>
                <th scope="col">the other</th>
              </tr>
            </thead>
            <tbody>
              {diff.around.rows.map((row, i) => (
                // Rows stand where they stand
                <tr key={i} class={`side-${row.mark}`}>
                  <td>
                    <Side place={row.a} isLinked />
                  </td>
                  <td>
                    <Side place={row.b} isLinked={false} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Table
        caption="Agents of both runs"
        columns={columns}
        rows={diff.agents}
        keyOf={({ agent }) => agent ?? ''}
      />
    </>
  )
}

/** Of the other run there is nothing to go to: another log is open. */
function Side({ place, isLinked }: { place: EventPlace | undefined; isLinked: boolean }) {
  if (place === undefined) return <span class="soft">—</span>
  return (
    <>
      {isLinked ? (
        <PlaceLink place={{ ...place, ts: place.event.ts }} />
      ) : (
        <span class="tabular soft">{grouped(place.seq ?? place.line ?? 0)}</span>
      )}{' '}
      <Said text={summary(place.event)} most={300} />
    </>
  )
}
