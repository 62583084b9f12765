/** One event in full: its fields, what came of it, and what it came about through. */
import { useEffect, useRef } from 'preact/hooks'
import type { ShowReport } from '../../analyse/show/report.js'
import type { WhyReport } from '../../analyse/why/report.js'
import { goTo, hideEvent, logPath, setFilter, show, showAgent } from '../data/store.js'
import { useAnswer } from '../data/use-answer.js'
import { Icon } from '../parts/icons.js'
import { JaegerLink } from '../parts/jaeger.js'
import { PlaceLink } from '../parts/place-link.js'
import { Clock, clean, grouped, isoOf, Said, visible } from '../parts/text.js'

const AGENT_FIELDS = new Set(['agentId', 'from', 'to', 'parent', 'holder'])

export function EventPanel({ at }: { at: number }) {
  const { value, error, isLoading } = useAnswer<ShowReport>(logPath(`/event/${at}`))
  const why = useAnswer<WhyReport>(logPath(`/why/${at}`))
  const panel = useRef<HTMLElement>(null)
  // Another event begins at its top
  useEffect(() => panel.current?.scrollTo(0, 0), [at])
  const event = value?.event as Record<string, unknown> | undefined
  return (
    <aside class="panel" aria-label="Event" ref={panel} aria-busy={isLoading}>
      <div class="panel-head">
        <h2>
          <small>event</small> {grouped(at)}
        </h2>
        <button type="button" class="quiet" aria-label="Close" onClick={hideEvent}>
          <Icon name="close" />
        </button>
      </div>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      {event !== undefined && (
        <>
          <p class="panel-kind">
            <b>{clean(String(event.kind))}</b> <Clock ts={Number(event.ts)} day />
            <small class="soft">{isoOf(Number(event.ts))}</small>
          </p>
          <dl class="fields">
            {Object.entries(event)
              .filter(([key]) => key !== 'ts' && key !== 'kind')
              .map(([key, field]) => (
                <div key={key}>
                  <dt>{clean(key)}</dt>
                  <dd>
                    <Field name={key} value={field} />
                  </dd>
                </div>
              ))}
          </dl>
          {value?.place !== undefined && (
            <p class="soft where">
              <Said text={value.place.file} most={500} />
              {value.place.line !== undefined && `:${value.place.line}`}
            </p>
          )}
          {typeof event.trace === 'string' && <JaegerLink trace={event.trace} span={event.span} />}
          {value?.outcome !== undefined && (
            <>
              <h3>What came of it</h3>
              <Tree value={value.outcome} />
            </>
          )}
        </>
      )}
      {why.value?.chain !== undefined && why.value.chain.steps.length > 1 && (
        <>
          <h3>What it came about through</h3>
          <ol class="chain">
            {why.value.chain.steps.slice(1).map((step) => (
              <li key={`${step.place.file}:${step.place.line}`}>
                <small class={step.certain === false ? 'guess' : ''}>
                  {step.how === undefined ? '' : clean(step.how)}
                  {step.certain === false && ' (a guess)'}
                </small>
                <PlaceLink place={step.place} /> <Said text={summary(step.event)} most={300} />
              </li>
            ))}
          </ol>
        </>
      )}
      <p class="panel-links">
        <button
          type="button"
          onClick={() => {
            setFilter({ text: '', kinds: [], agent: '' })
            goTo(at)
            show('feed')
          }}
        >
          In the feed
        </button>
        <button
          type="button"
          onClick={() => {
            goTo(at)
            show('floor')
          }}
        >
          On the floor
        </button>
      </p>
    </aside>
  )
}

function Field({ name, value }: { name: string; value: unknown }) {
  if (AGENT_FIELDS.has(name) && typeof value === 'string') {
    return (
      <button type="button" class="link" onClick={() => showAgent(value)}>
        <Said text={value} most={300} />
      </button>
    )
  }
  if (typeof value === 'string') return <bdi class="long">{visible(value)}</bdi>
  return <code class="long">{visible(JSON.stringify(value) ?? '')}</code>
}

/** Places in it are links; everything else is said as it is. */
function Tree({ value }: { value: unknown }) {
  if (isPlace(value)) return <PlaceLink place={value} />
  if (Array.isArray(value)) {
    if (value.length === 0) return <span class="soft">none</span>
    return (
      <ul class="tree">
        {value.map((each, index) => (
          // It never changes
          <li key={index}>
            <Tree value={each} />
          </li>
        ))}
      </ul>
    )
  }
  if (typeof value === 'object' && value !== null) {
    const isList = 'list' in value && 'more' in value
    if (isList) return <Tree value={value.list} />
    return (
      <dl class="fields">
        {Object.entries(value).map(([key, field]) => (
          <div key={key}>
            <dt>{clean(key)}</dt>
            <dd>{key === 'event' ? <Said text={summary(field)} most={300} /> : <Tree value={field} />}</dd>
          </div>
        ))}
      </dl>
    )
  }
  return <Said text={value} />
}

function isPlace(value: unknown): value is { file: string; line?: number; seq?: number } {
  return typeof value === 'object' && value !== null && 'file' in value && ('seq' in value || 'line' in value)
}

/** An event of a report in a few words. */
export function summary(event: unknown): string {
  const { kind, from, to, agentId, act, subject, name, id } = (event ?? {}) as Record<string, unknown>
  const who = from === undefined ? agentId : `${from} → ${to}`
  return [kind, who, act, subject ?? name ?? id].filter((part) => part !== undefined).join('  ')
}
