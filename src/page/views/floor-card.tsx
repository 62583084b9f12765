/** One agent on the floor: a button named by its name, which reaches over the whole card. */
import { memo } from 'preact/compat'
import type { FloorAgent } from '../../serve/api/shapes.js'
import { showAgent } from '../data/store.js'
import { Icon } from '../parts/icons.js'
import { Age, ageOf, brief, clean, counted, dollars, grouped, Said, short } from '../parts/text.js'
import { sayingOf } from './feed-row.js'

export type CardSize = 'card' | 'short'

const STATUS_WORDS: Record<FloorAgent['status'], string> = {
  alive: 'alive',
  held: 'on hold',
  archived: 'archived',
  ok: 'ended well',
  error: 'ended with an error',
  killed: 'was killed',
  lost: 'was lost',
}
export const isOver = (status: FloorAgent['status']): boolean => status !== 'alive' && status !== 'held'
export const statusWord = (status: FloorAgent['status']): string => STATUS_WORDS[status] ?? status

/** Its class names. */
export function marksOf({ status, pending, inbox, isGod }: FloorAgent, size: CardSize | 'tile'): string {
  const marks = [
    'agent',
    size,
    `is-${status}`,
    isOver(status) && 'is-over',
    pending > 0 && 'is-asking',
    inbox.undelivered > 0 && 'has-undelivered',
    isGod && 'is-god',
  ]
  return marks.filter(Boolean).join(' ')
}

/** Of the element that describes an agent's button. */
export const describes = (agentId: string): string => `agent-${encodeURIComponent(agentId)}`

function CardOf({ agent, size }: { agent: FloorAgent; size: CardSize }) {
  const { agentId, name, inbox, pending } = agent
  const id = describes(agentId)
  return (
    <div class={marksOf(agent, size)} data-card={agentId}>
      <span class="agent-top">
        <span class="dot" aria-hidden="true" />
        <button
          type="button"
          class="agent-name"
          data-agent={agentId}
          aria-describedby={id}
          onClick={() => showAgent(agentId)}
        >
          <Said text={name} most={300} />
        </button>
        <Mail agent={agent} size={size} />
      </span>
      {size === 'card' && <Now agent={agent} />}
      {size === 'card' && inbox.undelivered > 0 && (
        <span class="undelivered">{grouped(inbox.undelivered)} undelivered</span>
      )}
      {pending > 0 && (
        <span class="asks">
          <Icon name="person" />
          waits for a person
        </span>
      )}
      {size === 'card' && <Foot agent={agent} />}
      <span hidden id={id}>
        {about(agent)}
      </span>
    </div>
  )
}

/** Only who changed is drawn again. */
export const AgentCard = memo(CardOf)

/** Status and inbox in a sentence: the card's description. */
export function about({ status, inbox, pending, role, usage }: FloorAgent): string {
  const parts = [statusWord(status)]
  if (role !== undefined) parts.push(clean(role).slice(0, 100))
  parts.push(inbox.waiting === 0 ? 'inbox empty' : `${counted(inbox.waiting, 'message')} in the inbox`)
  if (inbox.waiting > 0 && inbox.oldestTs !== undefined)
    parts.push(`the oldest ${brief(ageOf(inbox.oldestTs))} old`)
  if (inbox.undelivered > 0) parts.push(`${grouped(inbox.undelivered)} undelivered`)
  if (pending > 0) parts.push('waits for a person')
  if (usage.calls > 0) parts.push(`${short(usage.inputTokens + usage.outputTokens)} tokens`)
  return parts.join(', ')
}

function Mail({ agent: { inbox }, size }: { agent: FloorAgent; size: CardSize }) {
  if (inbox.waiting === 0 && inbox.undelivered === 0) return null
  return (
    <span class="mail" aria-hidden="true">
      {inbox.waiting > 0 && (
        <span class="waiting">
          <Icon name="mail" />
          {inbox.estimated ? '≈' : ''}
          {grouped(inbox.waiting)}
          {inbox.oldestTs !== undefined && (
            <small>
              <Age ts={inbox.oldestTs} />
            </small>
          )}
        </span>
      )}
      {size === 'short' && inbox.undelivered > 0 && (
        <span class="undelivered">{grouped(inbox.undelivered)}</span>
      )}
    </span>
  )
}

function Now({ agent: { agentId, last, status, waits, since } }: { agent: FloorAgent }) {
  if (isOver(status)) {
    return (
      <span class="now over">
        {statusWord(status)} <Age ts={since} /> ago
      </span>
    )
  }
  if (waits !== undefined) {
    return (
      <span class="now">
        <Icon name="waits" />
        <span class="cut">
          waited for <Said text={waits.resource} most={200} />
          {waits.holder !== undefined && (
            <>
              , held by <Said text={waits.holder} most={100} />
            </>
          )}
        </span>
      </span>
    )
  }
  if (last === undefined) return <span class="now">—</span>
  return (
    <span class="now">
      <span class="cut">
        <b>{clean(last.kind)}</b> <Said text={sayingOf(last, agentId)} most={200} />
      </span>
      <small>
        <Age ts={last.ts} />
      </small>
    </span>
  )
}

function Foot({ agent: { usage, role, model } }: { agent: FloorAgent }) {
  const tokens = usage.inputTokens + usage.outputTokens
  return (
    <span class="foot">
      <span class="cut">
        <Said text={model ?? role ?? ''} most={100} />
      </span>
      {usage.calls > 0 && (
        <span class="spent">
          {short(tokens)} tok{usage.costUsd > 0 ? ` · ${dollars(usage.costUsd)}` : ''}
        </span>
      )}
    </span>
  )
}
