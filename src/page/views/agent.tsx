/** One agent: how it is, its story, its conversations, and its snapshots. */
import { useMemo, useState } from 'preact/hooks'
import type { PartnersReport, TalkReport } from '../../analyse/talk/report.js'
import type { AgentAnswer, AgentSnapshot, FloorAgent } from '../../serve/api/shapes.js'
import { floor } from '../data/floor.js'
import { api, filter, last, logPath, other, setOther, show, showLines, take } from '../data/store.js'
import { useAnswer, useSlowly } from '../data/use-answer.js'
import { PlaceLink, PositionLink } from '../parts/place-link.js'
import { Figure } from '../parts/table.js'
import { Age, byteSize, Clock, clean, dollars, duration, grouped, Said, short } from '../parts/text.js'
import { sayingOf } from './feed-row.js'
import { statusWord } from './floor-card.js'
import { linesOfDiff } from './line-diff.js'

export function AgentView() {
  const agentId = filter.value.agent
  const slow = useSlowly(last.value)
  const path = agentId === '' ? undefined : logPath(`/agent/${encodeURIComponent(agentId)}`)
  const { value, error, isLoading } = useAnswer<AgentAnswer>(path, {}, slow)
  // As it is at the position; the answer knows only the end.
  const here = floor.value?.agents.find((each) => each.agentId === agentId) ?? value?.agent
  if (agentId === '') return <p class="nothing">Choose an agent on the floor.</p>
  return (
    <section class="report agent-view" aria-label="Agent" aria-busy={isLoading}>
      <button type="button" class="link back" onClick={() => show('floor')}>
        ‹ Floor
      </button>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      {here !== undefined && <About agent={here} />}
      {value !== undefined && (
        <>
          <div class="agent-kinds">
            {value.events.map(({ kind, count }) => (
              <button
                key={kind}
                type="button"
                class="chip"
                onClick={() => showLines({ agent: agentId, kinds: [kind] })}
              >
                {clean(kind)} <b>{grouped(count)}</b>
              </button>
            ))}
            <button type="button" class="chip" onClick={() => showLines({ agent: agentId })}>
              Its whole story
            </button>
          </div>
          <div class="agent-columns">
            <Partners agentId={agentId} report={value.partners as PartnersReport} />
            {other.value !== '' && <Talk a={agentId} b={other.value} again={slow} />}
          </div>
          {value.snapshots.length > 0 && <Snapshots list={value.snapshots} />}
          <Lives answer={value} />
        </>
      )}
    </section>
  )
}

function About({ agent }: { agent: FloorAgent }) {
  const { name, agentId, status, since, role, model, inbox, usage, pending, last: latest } = agent
  return (
    <>
      <div class="agent-head">
        <span class={`dot big is-${status}`} aria-hidden="true" />
        <h1>
          <Said text={name} most={300} />
        </h1>
        <span class="soft">
          <Said text={agentId} most={100} /> · {statusWord(status)} for <Age ts={since} />
          {role !== undefined && (
            <>
              {' '}
              · <Said text={role} most={200} />
            </>
          )}
          {model !== undefined && (
            <>
              {' '}
              · <Said text={model} most={100} />
            </>
          )}
        </span>
      </div>
      <dl class="figures">
        <Figure name="in its inbox">
          {grouped(inbox.waiting)}
          {inbox.oldestTs !== undefined && inbox.waiting > 0 && (
            <small>
              {' '}
              oldest <Age ts={inbox.oldestTs} />
            </small>
          )}
        </Figure>
        <Figure name="undelivered" tone={inbox.undelivered > 0 ? 'bad' : ''}>
          {grouped(inbox.undelivered)}
        </Figure>
        <Figure name="waits for a person" tone={pending > 0 ? 'human' : ''}>
          {grouped(pending)}
        </Figure>
        <Figure name="model calls">{grouped(usage.calls)}</Figure>
        <Figure name="tokens">{short(usage.inputTokens + usage.outputTokens)}</Figure>
        <Figure name="cost">{dollars(usage.costUsd)}</Figure>
      </dl>
      {latest !== undefined && (
        <p class="latest">
          <PositionLink at={latest.position} /> <b>{clean(latest.kind)}</b>{' '}
          <Said text={sayingOf(latest, agentId)} most={400} />
        </p>
      )}
    </>
  )
}

function Partners({ agentId, report }: { agentId: string; report: PartnersReport }) {
  return (
    <div class="partners">
      <h2>Talks with</h2>
      {report.partners.length === 0 && <p class="soft">Nobody.</p>}
      <ul>
        {report.partners.slice(0, 100).map(({ name, sent, received, lastTs, awaited, owed }) => (
          <li key={name}>
            <button
              type="button"
              class={name === other.value ? 'partner chosen' : 'partner'}
              aria-pressed={name === other.value}
              onClick={() => setOther(name === other.value ? '' : name)}
            >
              <b>
                <Said text={name} most={80} />
              </b>
              <span class="tabular soft">
                {grouped(sent)} → · ← {grouped(received)}
              </span>
              {awaited + owed > 0 && <span class="warn">{grouped(awaited + owed)} unanswered</span>}
              <Clock ts={lastTs} />
            </button>
          </li>
        ))}
      </ul>
      {report.unknown.includes(agentId) && <p class="soft">No event has this name.</p>}
    </div>
  )
}

function Talk({ a, b, again }: { a: string; b: string; again: number }) {
  const { value, error } = useAnswer<TalkReport>(logPath('/talk'), { a, b }, again)
  return (
    <div class="talk">
      <h2>
        <Said text={a} most={60} /> and <Said text={b} most={60} />
      </h2>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      <ol>
        {value?.items.slice(-500).map((item) => {
          const { act, subject, kind } = item.event as Record<string, unknown>
          const taken = item.deliveries[0]
          return (
            <li
              key={`${item.place.file}:${item.place.line}`}
              class={item.from === 'a' ? 'bubble mine' : 'bubble'}
              data-depth={Math.min(item.depth, 6)}
            >
              <span class="bubble-head">
                <b>{clean(String(act ?? kind))}</b> <Clock ts={item.event.ts} />{' '}
                <PlaceLink place={{ ...item.place, ts: item.event.ts }} />
              </span>
              <span>
                <Said text={subject ?? ''} most={4_000} />
              </span>
              <span class="bubble-foot">
                {taken?.tookMs !== undefined && `taken after ${duration(taken.tookMs)}`}
                {taken?.dropped !== undefined && <span class="bad">undelivered: {clean(taken.dropped)}</span>}
                {item.unanswered === true && <span class="warn">no answer</span>}
              </span>
            </li>
          )
        })}
      </ol>
    </div>
  )
}

function Lives({ answer: { lives } }: { answer: AgentAnswer }) {
  return (
    <>
      <h2>{lives.length === 1 ? 'Its life' : `Its ${lives.length} lives`}</h2>
      <ol class="lives">
        {lives.slice(-100).map(({ from, to, status }) => (
          <li key={from}>
            <Clock ts={from} day /> – {to === undefined ? 'now' : <Clock ts={to} />}{' '}
            <span class="soft">
              {to !== undefined && `${duration(to - from)}, `}
              {statusWord(status)}
            </span>
          </li>
        ))}
      </ol>
    </>
  )
}

/** What is put on the screen of one content. */
const MAX_SHOWN = 200_000

function Snapshots({ list }: { list: readonly AgentSnapshot[] }) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const [chosen, choose] = useState<string | undefined>(undefined)
  const open = async (ref: string) => {
    choose(ref === chosen ? undefined : ref)
    const older = list[list.findIndex((each) => each.ref === ref) + 1]
    for (const each of [ref, older?.ref]) {
      if (each === undefined || texts[each] !== undefined) continue
      try {
        const bytes = await api().bytes(logPath(`/artifact/${each}`))
        const text = new TextDecoder().decode(bytes.subarray(0, MAX_SHOWN))
        setTexts((all) => ({ ...all, [each]: text }))
      } catch (error) {
        const said = take(error)?.message ?? ''
        setTexts((all) => ({ ...all, [each]: `(${said})` }))
      }
    }
  }
  const index = list.findIndex(({ ref }) => ref === chosen)
  const older = index === -1 ? undefined : list[index + 1]
  const text = chosen === undefined ? undefined : texts[chosen]
  const before = older === undefined ? undefined : texts[older.ref]
  return (
    <>
      <h2>Snapshots</h2>
      <ul class="snapshots">
        {list.map(({ position, ts, label, ref, bytes }) => (
          <li key={`${position} ${ref}`}>
            <button type="button" class="partner" aria-expanded={ref === chosen} onClick={() => open(ref)}>
              <b>
                <Said text={label ?? 'snapshot'} most={100} />
              </b>
              <span class="tabular soft">{byteSize(bytes)}</span>
              <Clock ts={ts} />
            </button>
            <PositionLink at={position} />
          </li>
        ))}
      </ul>
      {text !== undefined && <Content text={text} before={before} />}
    </>
  )
}

function Content({ text, before }: { text: string; before: string | undefined }) {
  const lines = useMemo(() => linesOfDiff(before, text), [before, text])
  return (
    <div class="content" role="region" aria-label="Content" tabIndex={0}>
      {before !== undefined && <p class="soft">with what changed since the snapshot before</p>}
      <pre>
        {lines.map(({ mark, line }, i) => (
          // Lines of a text stand where they stand
          <span key={i} class={`line ${mark}`}>
            {mark === 'added' ? '+ ' : mark === 'gone' ? '− ' : '  '}
            {clean(line)}
            {'\n'}
          </span>
        ))}
      </pre>
    </div>
  )
}
