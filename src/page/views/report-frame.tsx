/** What the reports have in common: a heading, ways to group, and what is said while there is nothing yet. */
import type { ComponentChildren } from 'preact'
import { last, logPath } from '../data/store.js'
import type { Query } from '../data/transport.js'
import { type Asked, useAnswer, useSlowly } from '../data/use-answer.js'
import { type Choice, Choices } from '../parts/table.js'

/** A report of the log as it is now; asked for again as the log grows, though not at each event. */
export function useReport<T>(name: string, query: Query = {}): Asked<T> {
  return useAnswer<T>(logPath(`/${name}`), query, useSlowly(last.value))
}

export function ReportFrame(props: {
  region: string
  title: string
  asked: Asked<unknown>
  by?: { value: string; choices: readonly Choice[]; choose(value: string): void }
  /** Said instead of a table. */
  nothing?: string | undefined
  children: ComponentChildren
}) {
  const { region, title, asked, by, nothing } = props
  return (
    <section class="report" aria-label={region} aria-busy={asked.isLoading}>
      <div class="report-head">
        <h1>{title}</h1>
        {by !== undefined && <Choices label="By" {...by} />}
      </div>
      {asked.error !== undefined && <p class="nothing">{asked.error.message}</p>}
      {asked.value === undefined && asked.isLoading && <p class="nothing">Counting…</p>}
      {nothing !== undefined && <p class="nothing">{nothing}</p>}
      {props.children}
    </section>
  )
}
