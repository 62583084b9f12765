/**
 * What a log holds, made fit to be told: harmless for whatever shows it, and as short as it has to be. A value that was
 * shortened says so.
 */
import { clean, visible } from '../text/clean.js'

/** How much of a value is told. */
interface Measure {
  /** Characters of a text. */
  text: number
  /** Entries of a list. */
  list: number
  /** Fields of an object. */
  fields: number
}

/** From all to hardly anything. */
const MEASURES: readonly Measure[] = [
  { text: Number.POSITIVE_INFINITY, list: Number.POSITIVE_INFINITY, fields: Number.POSITIVE_INFINITY },
  { text: 4_000, list: 200, fields: 200 },
  { text: 1_000, list: 50, fields: 100 },
  { text: 300, list: 20, fields: 60 },
  { text: 100, list: 8, fields: 40 },
  { text: 60, list: 3, fields: 24 },
  { text: 40, list: 1, fields: 12 },
  { text: 20, list: 0, fields: 6 },
]
const MAX_DEPTH = 32

const HARMLESS_BREAK = /([\n\t])/

/** As `visible`, but line ends and tabs, which JSON writes as escapes, are left. */
const readable = (text: string): string =>
  text
    .split(HARMLESS_BREAK)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join('')

/** A value with nothing in it that a terminal or a person would be misled by, its names too. */
export const harmless = (value: unknown): unknown => told(value, MEASURES[0] as Measure, 0).value

/** Bytes of a value as JSON. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

/**
 * The value, shortened until it is small enough.
 * @param isSmall whether it is, once harmless
 */
export function fitted(value: object, isSmall: (value: Record<string, unknown>) => boolean): Fitted {
  for (const measure of MEASURES) {
    const made = told(value, measure, 0)
    const shown = made.value as Record<string, unknown>
    const marked = made.isCut ? { ...shown, cut: true } : shown
    if (isSmall(marked)) return { value: marked, isCut: made.isCut }
  }
  return { value: { cut: true }, isCut: true }
}

export interface Fitted {
  value: Record<string, unknown>
  /** Whether something was left out; then `value.cut` is true. */
  isCut: boolean
}

interface Told {
  value: unknown
  isCut: boolean
}

function told(value: unknown, measure: Measure, depth: number): Told {
  if (typeof value === 'string') return toldText(value, measure)
  if (typeof value !== 'object' || value === null) return { value, isCut: false }
  if (depth >= MAX_DEPTH) return { value: '… (nested too deeply)', isCut: true }
  if (Array.isArray(value)) {
    const parts = value.slice(0, measure.list).map((each) => told(each, measure, depth + 1))
    const more = value.length - parts.length
    const list = parts.map((part) => part.value)
    if (more > 0) list.push(`… (${more} more)`)
    return { value: list, isCut: more > 0 || parts.some(({ isCut }) => isCut) }
  }
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  let isCut = entries.length > measure.fields
  const fields = entries.slice(0, measure.fields).map(([name, each]) => {
    const part = told(each, measure, depth + 1)
    const key = toldText(name, { ...measure, text: Math.min(measure.text, 200) })
    isCut ||= part.isCut || key.isCut
    return [key.value as string, part.value] as const
  })
  return { value: Object.fromEntries(fields), isCut }
}

function toldText(text: string, { text: max }: Measure): { value: string; isCut: boolean } {
  if (text.length <= max) return { value: readable(text), isCut: false }
  const cut = text.slice(0, max).replace(/[\ud800-\udbff]$/, '')
  return { value: `${readable(cut)}… (${text.length - cut.length} more characters)`, isCut: true }
}

/** One line of a value for people and models: `status=alive since=2026-…`. */
export function brief(value: Record<string, unknown>): string {
  return Object.entries(value)
    .map(([name, each]) => `${clean(name)}=${word(name, each)}`)
    .join(' ')
}

function word(name: string, value: unknown): string {
  if (typeof value === 'number') return isTime(name, value) ? new Date(value).toISOString() : String(value)
  if (typeof value === 'string' && value !== '' && !/[\s"=]/.test(value)) return clean(value)
  return clean(JSON.stringify(value) ?? '')
}

const isTime = (name: string, value: number): boolean =>
  /^(?:ts|since|askedTs|[a-z]+Ts|asOf)$/.test(name) && Number.isFinite(value) && Math.abs(value) < 8.64e15
