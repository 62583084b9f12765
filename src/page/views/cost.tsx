/** What model calls used and cost: `hivelog cost`. */
import { useState } from 'preact/hooks'
import type { CostReport, CostRow } from '../../analyse/cost.js'
import { showAgent, showLines } from '../data/store.js'
import { Bar, type Column, Figure, Table } from '../parts/table.js'
import { dollars, duration, grouped, Said, short } from '../parts/text.js'
import { ReportFrame, useReport } from './report-frame.js'

const BY = [
  { value: 'agent', label: 'Agent' },
  { value: 'model', label: 'Model' },
  { value: 'task', label: 'Task' },
  { value: 'hour', label: 'Hour' },
]

export function Cost() {
  const [by, choose] = useState('agent')
  const asked = useReport<CostReport>('cost', { by })
  const report = asked.value
  const total = report?.total
  const isMoney = report?.shareOf === 'dollars'
  const columns: Column<CostRow>[] = [
    {
      name: BY.find(({ value }) => value === by)?.label ?? by,
      by: (row) => row.key ?? '',
      cell: (row) => <Key by={by} row={row} />,
    },
    {
      name: isMoney ? 'share of cost' : 'share of tokens',
      cell: ({ share }) => <Bar share={share} tone={isMoney ? 'good' : 'accent'} />,
    },
    {
      name: 'cost',
      isNumber: true,
      by: (row) => row.costUsd,
      cell: (row) => (
        <>
          {dollars(row.costUsd)}
          {row.unpricedCalls > 0 && <span title={`${row.unpricedCalls} calls have no known price`}>+</span>}
        </>
      ),
    },
    { name: 'calls', isNumber: true, by: (row) => row.calls, cell: (row) => <Lines by={by} row={row} /> },
    {
      name: 'failed',
      isNumber: true,
      by: (row) => row.failedCalls,
      cell: (row) => <span class={row.failedCalls > 0 ? 'bad' : 'soft'}>{grouped(row.failedCalls)}</span>,
    },
    { name: 'in', isNumber: true, by: (row) => row.inputTokens, cell: (row) => grouped(row.inputTokens) },
    { name: 'out', isNumber: true, by: (row) => row.outputTokens, cell: (row) => grouped(row.outputTokens) },
    {
      name: 'from cache',
      isNumber: true,
      by: (row) => row.cacheReadTokens,
      cell: (row) => grouped(row.cacheReadTokens),
    },
    { name: 'time', isNumber: true, by: (row) => row.ms, cell: (row) => duration(row.ms) },
  ]
  return (
    <ReportFrame
      region="Cost"
      title="Cost"
      asked={asked}
      by={{ value: by, choices: BY, choose }}
      nothing={total?.calls === 0 ? 'No model call is in this log: no event of kind usage.' : undefined}
    >
      {total !== undefined && total.calls > 0 && report !== undefined && (
        <>
          <dl class="figures">
            <Figure name="cost">
              {dollars(total.costUsd)}
              {total.unpricedCalls > 0 && '+'}
            </Figure>
            <Figure name="model calls">{grouped(total.calls)}</Figure>
            <Figure name="tokens in">{short(total.inputTokens)}</Figure>
            <Figure name="tokens out">{short(total.outputTokens)}</Figure>
            <Figure name="failed" tone={total.failedCalls > 0 ? 'bad' : ''}>
              {grouped(total.failedCalls)}
            </Figure>
          </dl>
          <Table
            caption={`Cost by ${by}`}
            columns={columns}
            rows={report.rows}
            keyOf={({ key }) => key ?? ''}
            total={[
              'all',
              '',
              dollars(total.costUsd),
              grouped(total.calls),
              grouped(total.failedCalls),
              grouped(total.inputTokens),
              grouped(total.outputTokens),
              grouped(total.cacheReadTokens),
              duration(total.ms),
            ]}
          />
          {total.unpricedCalls > 0 && (
            <p class="soft">
              {grouped(total.unpricedCalls)} calls have no known price, and are in no sum of dollars.
            </p>
          )}
        </>
      )}
    </ReportFrame>
  )
}

function Key({ by, row: { key } }: { by: string; row: CostRow }) {
  if (key === null) return <span class="soft">not told</span>
  if (by !== 'agent') return <Said text={key} most={120} />
  return (
    <button type="button" class="link" onClick={() => showAgent(key)}>
      <Said text={key} most={120} />
    </button>
  )
}

function Lines({ by, row }: { by: string; row: CostRow }) {
  const filter =
    by === 'agent' && row.key !== null
      ? { agent: row.key }
      : by === 'hour' || row.key === null
        ? {}
        : { text: row.key }
  return (
    <button
      type="button"
      class="link tabular"
      title="Their lines"
      onClick={() => showLines({ kinds: ['usage'], ...filter })}
    >
      {grouped(row.calls)}
    </button>
  )
}
