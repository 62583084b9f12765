/** Events as rows for people: what happened to the left, where it stands to the right. */
import { basename } from 'node:path'
import type { PlacedEvent, TimedPlace } from '../analyse/show/places.js'
import { formatEvent } from '../text/format-event.js'
import { clean, columns, fit, paint, type Style } from '../text/terminal.js'
import { look } from './output.js'

/** `hive.jsonl:57 seq 57` */
export const whereIs = ({ file, line, seq }: TimedPlace): string =>
  `${clean(basename(file))}${line === undefined ? '' : `:${line}`} seq ${seq}`

export class EventRows {
  readonly width: number
  readonly #color: boolean

  constructor() {
    const { color, width } = look()
    this.width = width
    this.#color = color
  }

  paint(text: string, style: Style): string {
    return paint(fit(text, this.width), style, this.#color)
  }

  /** An event after some text, such as a sign and an indentation. */
  event({ event, place }: PlacedEvent, before = '  ', date = true): string {
    const right = this.#right(place)
    const room = this.#room(right) - columns(before)
    const text = formatEvent(event, { color: this.#color, width: Math.max(20, room), date })
    return this.#joined(`${before}${text}`, columns(before) + sizeOf(text), right)
  }

  *events(events: readonly PlacedEvent[]): Generator<string> {
    for (const each of events) yield this.event(each)
  }

  /** A text, cut to fit, and where it is. It has to be clean. */
  row(text: string, place: TimedPlace | undefined): string[] {
    const right = this.#right(place)
    const left = fit(`  ${text}`, this.#room(right))
    return [this.#joined(left, columns(left), right)]
  }

  #right(place: TimedPlace | undefined): string {
    return place === undefined ? '' : fit(whereIs(place), this.width >> 1)
  }

  #room(right: string): number {
    return right === '' ? this.width : this.width - columns(right) - 2
  }

  #joined(left: string, size: number, right: string): string {
    if (right === '') return left
    const gap = ' '.repeat(Math.max(2, this.width - size - columns(right)))
    return `${left}${gap}${paint(right, 'dim', this.#color)}`
  }
}

const ESC = '\x1b'
/** The colours of `paint`, which take no room. */
const PAINT = new RegExp(`${ESC}\\[[\\d;]*m`, 'g')

const sizeOf = (painted: string): number => columns(painted.replace(PAINT, ''))
