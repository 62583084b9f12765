/** One event as one line for people. Everything in it comes from a log that may be hostile, so all is cleaned. */
import type { Fields } from '../format/fields.js'
import { ENVELOPE_FIELDS, type HiveEvent, isKind } from '../format/kinds.js'
import { exitStatus, hasCallFailed, hasToolFailed } from '../format/outcome.js'
import { subjectText } from '../format/subject.js'
import {
  byteSize,
  clean,
  clock,
  columns,
  dollars,
  duration,
  fit,
  grouped,
  pad,
  paint,
  type Style,
  shownId,
} from './terminal.js'

/** How an event is put on a line for people. */
export interface FormatOptions {
  /** Use terminal colours. Default false. */
  color?: boolean
  /** Columns that the line may take; it is cut with `…`. Default 100. */
  width?: number
  /** Print the date before the time. Default: when the event is not of today. */
  date?: boolean
}

type Part = [text: string, style: Style]

/** What a kind's line says after its name, and the sign that makes it stand out. */
interface Body {
  parts: Part[]
  sign?: string
  style?: Style
}

const KIND_COLUMNS = 9
const NAME_STYLES: Style[] = ['cyan', 'magenta', 'blue', 'green']

/**
 * `14:03:07.123    message   lead → coder  request  "Need the schema"`: time, sign (▲ escalation, ✔ ✘ approval,
 * ! trouble), kind, and what matters of the event, on one line without control characters. Throws nothing, whatever
 * the event holds.
 */
export function formatEvent(event: HiveEvent, options: FormatOptions = {}): string {
  const { color = false, width = 100, date = !isToday(event.ts) } = options
  const { parts, sign = ' ', style = 'plain' } = bodyOf(event)
  const all: Part[] = [
    [`${clock(event.ts, date)} `, 'dim'],
    [`${sign} `, style],
    [`${pad(clean(event.kind), KIND_COLUMNS)} `, style === 'plain' ? 'dim' : style],
  ]
  for (const [i, [text, partStyle]] of parts.entries()) {
    if (i > 0) all.push(['  ', 'plain'])
    all.push([text, partStyle === 'plain' ? style : partStyle])
  }
  let left = width
  let line = ''
  for (const [i, [text, partStyle]] of all.entries()) {
    const size = columns(text)
    const isLast = i === all.length - 1
    // A blank between parts must leave room for at least the mark that something is cut.
    if (size < left || (isLast && size === left)) {
      line += paint(text, partStyle, color)
      left -= size
    } else {
      line += paint(fitQuoted(text, left), partStyle, color)
      break
    }
  }
  return line.trimEnd()
}

function fitQuoted(text: string, width: number): string {
  const cut = fit(text, width)
  if (cut === text || !text.startsWith('"') || width < 4) return cut
  return `${fit(text.slice(0, -1), width - 1)}"`
}

function bodyOf(event: HiveEvent): Body {
  if (event.kind.startsWith('log.')) return housekeeping(event)
  if (isKind(event, 'message')) {
    return { parts: [route(event.from, event.to), [word(event.act), 'plain'], quoted(event.subject)] }
  }
  if (isKind(event, 'escalate')) {
    const { from, to, subject, id } = event
    return { sign: '▲', style: 'alarm', parts: [plainRoute(from, to), [idWord(id), 'dim'], asked(subject)] }
  }
  if (isKind(event, 'approval')) {
    const yes = event.approve === true
    const isClear = yes || event.approve === false
    const parts: Part[] = [
      [isClear ? (yes ? 'approved' : 'rejected') : 'unclear', 'bold'],
      [idWord(event.id), 'plain'],
    ]
    if (event.by !== undefined) parts.push([`by ${word(event.by)}`, 'plain'])
    if (event.note !== undefined) parts.push(quoted(event.note))
    // Neither yes nor no: it decides nothing.
    if (!isClear) return { sign: '!', style: 'alarm', parts }
    return { sign: yes ? '✔' : '✘', style: yes ? 'green' : 'red', parts }
  }
  return agentsOwn(event)
}

function agentsOwn(event: HiveEvent): Body {
  if (isKind(event, 'spawn')) {
    const parts: Part[] = [name(event.agentId), quoted(event.name)]
    if (event.isGod === true) parts.push(['god', 'bold'])
    if (event.parent !== undefined) parts.push([`child of ${word(event.parent)}`, 'plain'])
    if (event.role !== undefined) parts.push([word(event.role), 'plain'])
    if (event.model !== undefined) parts.push([word(event.model), 'dim'])
    return { parts }
  }
  if (isKind(event, 'drain')) {
    const messages = event.count === 1 ? 'message' : 'messages'
    return { parts: [name(event.agentId), [`took ${word(event.count)} ${messages}`, 'plain']] }
  }
  if (isKind(event, 'usage')) {
    const { agentId, model, inputTokens, outputTokens, costUsd, ms, error } = event
    const parts: Part[] = [name(agentId), [word(model ?? ''), 'plain']]
    // A call that failed mostly has none.
    const hasTokens = error === undefined || inputTokens !== undefined || outputTokens !== undefined
    if (hasTokens) parts.push([`${amount(inputTokens)} in  ${amount(outputTokens)} out`, 'plain'])
    if (typeof costUsd === 'number') parts.push([dollars(costUsd), 'plain'])
    parts.push(...took(ms))
    if (error === undefined) return { parts }
    return { sign: '!', style: 'red', parts: [...parts, quoted(error)] }
  }
  if (isKind(event, 'call')) {
    const { agentId, method, host, path, status, ms, error } = event
    const target = `${method === undefined ? '' : `${word(method)} `}${word(host)}${word(path ?? '')}`
    const parts: Part[] = [name(agentId), [target, 'plain']]
    if (status !== undefined) parts.push([word(status), 'plain'])
    parts.push(...took(ms))
    if (error !== undefined) parts.push(quoted(error))
    return hasCallFailed(event) ? { sign: '!', style: 'red', parts } : { parts }
  }
  if (isKind(event, 'tool')) {
    const parts: Part[] = [name(event.agentId), [word(event.name), 'plain']]
    const failed = hasToolFailed(event)
    // A harness that does not say how its tools ended is not told to have said so.
    if (failed || event.ok === true) parts.push([failed ? 'failed' : 'ok', 'plain'])
    parts.push(...took(event.ms))
    if (event.error !== undefined) parts.push(quoted(event.error))
    return failed ? { sign: '!', style: 'red', parts } : { parts }
  }
  if (isKind(event, 'wait')) {
    const holder = event.holder === undefined ? '' : `, held by ${word(event.holder)}`
    const ms = typeof event.ms === 'number' ? duration(event.ms) : '?'
    return { parts: [name(event.agentId), [`waited ${ms} for ${word(event.resource)}${holder}`, 'plain']] }
  }
  if (isKind(event, 'snapshot')) {
    const parts: Part[] = [name(event.agentId)]
    if (event.label !== undefined) parts.push(quoted(event.label))
    const bytes = typeof event.bytes === 'number' ? byteSize(event.bytes) : '?'
    return { parts: [...parts, [bytes, 'plain'], [word(event.ref).slice(0, 12), 'dim']] }
  }
  if (isKind(event, 'drop')) {
    return {
      sign: '!',
      style: 'red',
      parts: [plainRoute(event.from, event.to), [word(event.id), 'plain'], quoted(event.reason)],
    }
  }
  if (isKind(event, 'exit')) {
    const fields = event as Fields
    const status = exitStatus(fields)
    const isGood = status === 'ok'
    const parts: Part[] = [name(event.agentId), [status, 'plain']]
    if (typeof fields.exitCode === 'number') parts.push([`exit code ${fields.exitCode}`, 'plain'])
    if (fields.signal !== undefined) parts.push([word(fields.signal), 'plain'])
    if (event.error !== undefined) parts.push(quoted(event.error))
    return isGood ? { parts } : { sign: '!', style: 'red', parts }
  }
  return custom(event)
}

function housekeeping(event: HiveEvent): Body {
  if (isKind(event, 'log.open')) {
    const parts: Part[] = [
      [`segment ${word(event.segment)}`, 'dim'],
      [word(event.writer), 'dim'],
    ]
    return { style: 'dim', parts: [...parts, [`pid ${word(event.pid)} on ${word(event.host)}`, 'dim']] }
  }
  if (isKind(event, 'log.seal')) {
    const parts: Part[] = [
      [`${amount(event.bytes)} bytes`, 'dim'],
      [word(event.sha256).slice(0, 12), 'dim'],
    ]
    return { style: 'dim', parts: event.sig === undefined ? parts : [...parts, ['signed', 'dim']] }
  }
  if (isKind(event, 'log.gap')) {
    return {
      sign: '!',
      style: 'red',
      parts: [[`${amount(event.lost)} events lost`, 'bold'], quoted(event.reason)],
    }
  }
  if (isKind(event, 'log.torn')) {
    const text = `a crash cut a line off; ${amount(event.bytes)} bytes of it are left`
    return { sign: '!', style: 'yellow', parts: [[text, 'plain']] }
  }
  return custom(event)
}

function custom(event: HiveEvent): Body {
  const parts: Part[] = []
  for (const [key, value] of Object.entries(event)) {
    if (ENVELOPE_FIELDS.has(key)) continue
    if (key === 'agentId') parts.unshift(name(value))
    else parts.push([`${clean(key)}=${short(value)}`, 'plain'])
  }
  return { parts }
}

const name = (id: unknown): Part => [word(id), styleOf(word(id))]
const quoted = (text: unknown): Part => [`"${word(text)}"`, 'plain']
/** A text that is none, such as a note of what is stored aside, is not a quotation. */
const asked = (subject: unknown): Part =>
  typeof subject === 'object' ? [clean(subjectText(subject, MAX_FIELD) ?? '?'), 'plain'] : quoted(subject)
const route = (from: unknown, to: unknown): Part => [`${word(from)} → ${word(to)}`, styleOf(word(from))]
const plainRoute = (from: unknown, to: unknown): Part => [`${word(from)} → ${word(to)}`, 'plain']
const took = (ms: unknown): Part[] => (typeof ms === 'number' ? [[duration(ms), 'dim']] : [])
const amount = (value: unknown): string => (typeof value === 'number' ? grouped(value) : '?')

/** Longest text of one field that is looked at; a line shows less anyway. */
const MAX_FIELD = 1000

/** A field that should be a word or text, whatever it is. */
function word(value: unknown): string {
  if (typeof value === 'string') return clean(value.slice(0, MAX_FIELD))
  return value === undefined ? '?' : short(value)
}

/** The id of an escalation, by which it is decided. */
const idWord = (id: unknown): string => (typeof id === 'string' ? shownId(id.slice(0, MAX_FIELD)) : word(id))

function short(value: unknown): string {
  try {
    return clean((JSON.stringify(value) ?? '?').slice(0, MAX_FIELD))
  } catch {
    return '(nested too deeply)'
  }
}

/** The same agent always has the same colour. */
function styleOf(id: string): Style {
  let hash = 0
  for (let i = 0; i < id.length && i < 100; i++) hash = (hash * 31 + id.charCodeAt(i)) >>> 0
  return NAME_STYLES[hash % NAME_STYLES.length] as Style
}

let today = { from: 0, to: 0 }

function isToday(ts: number): boolean {
  const now = Date.now()
  if (now >= today.to || now < today.from) {
    const from = new Date(now).setHours(0, 0, 0, 0)
    // A day of 23 or 25 hours.
    const to = new Date(from)
    to.setDate(to.getDate() + 1)
    today = { from, to: to.getTime() }
  }
  return ts >= today.from && ts < today.to
}
