/** Which external APIs and tools were called: `hivelog calls`. */
import { useState } from 'preact/hooks'
import type { CallReport, CallRow } from '../../analyse/calls.js'
import { showLines } from '../data/store.js'
import { Bar, type Column, Figure, Table } from '../parts/table.js'
import { Clock, duration, grouped, Said } from '../parts/text.js'
import { ReportFrame, useReport } from './report-frame.js'

const BY = [
  { value: 'host', label: 'Host' },
  { value: 'path', label: 'Path' },
  { value: 'agent', label: 'Agent' },
  { value: 'status', label: 'Status' },
  { value: 'tool', label: 'Tools' },
]

const ms = (value: number | undefined) => (value === undefined ? '—' : duration(value))

export function Calls() {
  const [by, choose] = useState('host')
  const asked = useReport<CallReport>('calls', { by })
  const report = asked.value
  const total = report?.total
  const most = Math.max(1, ...(report?.rows ?? []).map(({ ms: { p95 = 0 } }) => p95))
  const columns: Column<CallRow>[] = [
    {
      name: BY.find(({ value }) => value === by)?.label ?? by,
      by: (row) => row.key,
      cell: (row) => <Said text={row.key} most={160} />,
    },
    {
      name: 'calls',
      isNumber: true,
      by: (row) => row.calls,
      cell: (row) => (
        <button
          type="button"
          class="link tabular"
          title="Their lines"
          onClick={() => showLines(linesOf(by, row))}
        >
          {grouped(row.calls)}
        </button>
      ),
    },
    {
      name: 'failed',
      isNumber: true,
      by: (row) => row.errors,
      cell: (row) => (
        <span class={row.errors > 0 ? 'bad' : 'soft'} title={failures(row)}>
          {grouped(row.errors)}
        </span>
      ),
    },
    { name: 'p50', isNumber: true, by: (row) => row.ms.p50 ?? -1, cell: (row) => ms(row.ms.p50) },
    { name: 'p95', isNumber: true, by: (row) => row.ms.p95 ?? -1, cell: (row) => ms(row.ms.p95) },
    { name: 'p95 beside the slowest', cell: (row) => <Bar share={(row.ms.p95 ?? 0) / most} /> },
    { name: 'longest', isNumber: true, by: (row) => row.ms.max ?? -1, cell: (row) => ms(row.ms.max) },
    {
      name: 'busiest minute',
      isNumber: true,
      by: (row) => row.peakMinute.calls,
      cell: (row) => grouped(row.peakMinute.calls),
    },
    { name: 'last', by: (row) => row.lastTs, cell: (row) => <Clock ts={row.lastTs} /> },
  ]
  return (
    <ReportFrame
      region="Calls"
      title="Calls"
      asked={asked}
      by={{ value: by, choices: BY, choose }}
      nothing={
        report !== undefined && report.rows.length === 0
          ? by === 'tool'
            ? 'No tool ran in this log.'
            : 'No external API was called in this log: no event of kind call. Tools may have run.'
          : undefined
      }
    >
      {report !== undefined && report.rows.length > 0 && (
        <>
          {total !== undefined && (
            <dl class="figures">
              <Figure name="calls">{grouped(total.calls)}</Figure>
              <Figure name="failed" tone={total.errors > 0 ? 'bad' : ''}>
                {grouped(total.errors)}
              </Figure>
              <Figure name="told to slow down (429)" tone={total.rateLimited > 0 ? 'warn' : ''}>
                {grouped(total.rateLimited)}
              </Figure>
              <Figure name="95 % within">{ms(total.ms.p95)}</Figure>
            </dl>
          )}
          <Table caption={`Calls by ${by}`} columns={columns} rows={report.rows} keyOf={({ key }) => key} />
        </>
      )}
    </ReportFrame>
  )
}

const failures = (row: CallRow): string =>
  `${row.clientErrors} of status 4xx, ${row.rateLimited} of 429, ${row.serverErrors} of 5xx, ${row.otherErrors} without an answer`

function linesOf(by: string, { key }: CallRow) {
  const kinds = [by === 'tool' ? 'tool' : 'call']
  if (by === 'agent') return { kinds, agent: key }
  if (by === 'host' || by === 'tool') return { kinds, text: key }
  return { kinds }
}
