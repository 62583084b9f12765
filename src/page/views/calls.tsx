/** Which external APIs and tools were called: `hivelog calls`. */
import { useState } from 'preact/hooks'
import type { CallReport, CallRow } from '../../analyse/calls.js'
import { Bar, type Column, Figure, Table } from '../parts/table.js'
import { Clock, grouped } from '../parts/text.js'
import { durationColumn, durationOf, keyColumn, linesColumn } from './report-columns.js'
import { ReportFrame, useReport } from './report-frame.js'

const BY = [
  { value: 'host', label: 'Host' },
  { value: 'path', label: 'Path' },
  { value: 'agent', label: 'Agent' },
  { value: 'status', label: 'Status' },
  { value: 'tool', label: 'Tools' },
]

export function Calls() {
  const [by, choose] = useState('host')
  const asked = useReport<CallReport>('calls', { by })
  const report = asked.value
  const total = report?.total
  const most = Math.max(1, ...(report?.rows ?? []).map(({ ms: { p95 = 0 } }) => p95))
  const columns: Column<CallRow>[] = [
    keyColumn(by, BY),
    linesColumn(
      'calls',
      (row) => row.calls,
      (row) => linesOf(by, row),
    ),
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
    durationColumn('p50', (row) => row.ms.p50),
    durationColumn('p95', (row) => row.ms.p95),
    { name: 'p95 beside the slowest', cell: (row) => <Bar share={(row.ms.p95 ?? 0) / most} /> },
    durationColumn('longest', (row) => row.ms.max),
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
              <Figure name="95 % within">{durationOf(total.ms.p95)}</Figure>
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
