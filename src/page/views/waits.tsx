/** What agents waited for: `hivelog waits`. */
import { useState } from 'preact/hooks'
import type { WaitReport, WaitRow } from '../../analyse/waits.js'
import { PlaceLink } from '../parts/place-link.js'
import { Bar, type Column, Figure, Table } from '../parts/table.js'
import { duration, grouped, Said } from '../parts/text.js'
import { durationColumn, durationOf, keyColumn, linesColumn } from './report-columns.js'
import { ReportFrame, useReport } from './report-frame.js'

const BY = [
  { value: 'resource', label: 'Resource' },
  { value: 'agent', label: 'Agent' },
  { value: 'holder', label: 'Holder' },
  { value: 'pair', label: 'Pair' },
]

export function Waits() {
  const [by, choose] = useState('resource')
  const asked = useReport<WaitReport>('waits', { by })
  const report = asked.value
  const total = report?.total
  const columns: Column<WaitRow>[] = [
    keyColumn(by, BY),
    { name: 'share of time', cell: (row) => <Bar share={row.totalMs / (total?.totalMs || 1)} tone="warn" /> },
    durationColumn('total', (row) => row.totalMs),
    linesColumn(
      'waits',
      (row) => row.waits,
      ({ key }) => ({
        kinds: ['wait'],
        ...(by === 'agent' ? { agent: key } : by === 'pair' ? {} : { text: key }),
      }),
    ),
    durationColumn('p95', (row) => row.p95Ms),
    {
      name: 'longest',
      isNumber: true,
      by: (row) => row.maxMs ?? -1,
      cell: (row) =>
        row.longest === undefined ? '—' : <PlaceLink place={row.longest} text={duration(row.longest.ms)} />,
    },
    { name: 'who waited', cell: (row) => <Said text={row.agents.slice(0, 6).join(', ')} most={160} /> },
  ]
  return (
    <ReportFrame
      region="Waits"
      title="Waits"
      asked={asked}
      by={{ value: by, choices: BY, choose }}
      nothing={
        report !== undefined && report.rows.length === 0
          ? 'Nobody waited for what another held: no event of kind wait.'
          : undefined
      }
    >
      {report !== undefined && total !== undefined && (
        <>
          <dl class="figures">
            <Figure name="waited in all">{duration(total.totalMs)}</Figure>
            <Figure name="waits">{grouped(total.waits)}</Figure>
            <Figure name="95 % within">{durationOf(total.p95Ms)}</Figure>
            <Figure name="waited for each other" tone={report.mutual.length > 0 ? 'bad' : ''}>
              {grouped(report.mutual.length)}
            </Figure>
          </dl>
          <Table caption={`Waits by ${by}`} columns={columns} rows={report.rows} keyOf={({ key }) => key} />
        </>
      )}
    </ReportFrame>
  )
}
