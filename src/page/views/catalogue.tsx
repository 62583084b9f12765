/** All logs that the server knows. */
import { useEffect, useState } from 'preact/hooks'
import type { LogEntry, LogList } from '../../serve/api/shapes.js'
import { chooseLog } from '../data/open.js'
import { api, filter, logId } from '../data/store.js'
import { useAnswer } from '../data/use-answer.js'
import { byteSize, Clock, grouped, Said } from '../parts/text.js'

const SOURCES: Record<LogEntry['source'], string> = {
  file: 'a file here',
  copy: 'received, exact copy',
  events: 'received events',
}

export function Catalogue() {
  const [limit, setLimit] = useState(100)
  const [changes, setChanges] = useState(0)
  const { value, error, isLoading } = useAnswer<LogList>(
    '/api/logs',
    { text: filter.value.text, limit },
    changes,
  )
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = api().live('/api/live', {
      open() {},
      lost() {},
      // However much changes, the list is asked for once a second at most.
      event() {
        timer ??= setTimeout(() => {
          timer = undefined
          setChanges((count) => count + 1)
        }, 1_000)
      },
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [])
  return (
    <section class="report catalogue" aria-label="Logs">
      <h1>Logs</h1>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      {value === undefined && isLoading && <p class="nothing">Looking for logs…</p>}
      {value !== undefined && value.logs.length === 0 && (
        <p class="nothing">
          {filter.value.text === ''
            ? 'The server knows no log yet. Give it some: hivelog serve hive.jsonl, or a folder; they appear here.'
            : 'No log fits the search.'}
        </p>
      )}
      {value !== undefined && value.logs.length > 0 && (
        <ul class="log-list">
          {value.logs.map((entry) => (
            <li key={entry.id}>
              <LogCard entry={entry} />
            </li>
          ))}
        </ul>
      )}
      {value?.cursor !== undefined && (
        <button type="button" onClick={() => setLimit(limit + 100)}>
          More of {grouped(value.total)}
        </button>
      )}
    </section>
  )
}

function LogCard({ entry }: { entry: LogEntry }) {
  const { id, name, file, source, bytes, lastTs, live, pending, agents, error } = entry
  return (
    <button
      type="button"
      class={id === logId.value ? 'log-card chosen' : 'log-card'}
      onClick={() => chooseLog(id)}
    >
      <span class="log-card-top">
        <b>
          <Said text={name} most={100} />
        </b>
        {live && <span class="state-chip live">live</span>}
        {pending !== undefined && pending > 0 && (
          <span class="state-chip human">{grouped(pending)} for you</span>
        )}
        {error !== undefined && <span class="state-chip bad">cannot be read</span>}
      </span>
      <span class="log-card-file">
        <Said text={error ?? file} most={300} />
      </span>
      <span class="log-card-facts">
        {SOURCES[source]} · {byteSize(bytes)}
        {agents !== undefined && ` · ${grouped(agents)} agents`}
        {lastTs !== undefined && (
          <>
            {' '}
            · last event <Clock ts={lastTs} day />
          </>
        )}
      </span>
    </button>
  )
}
