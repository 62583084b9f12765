/** What all canvases share: sharp at any pixel ratio, in the colours of the theme. */

export interface Sheet {
  context: CanvasRenderingContext2D
  /** CSS pixels. */
  width: number
  height: number
}

/** The canvas, cleared, as many device pixels large as it takes on the screen. */
export function sized(canvas: HTMLCanvasElement): Sheet {
  const { clientWidth: width, clientHeight: height } = canvas
  const ratio = devicePixelRatio
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w
    canvas.height = h
  }
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return { context, width, height }
}

const NAMES = [
  'ink',
  'soft',
  'line',
  'faint',
  'accent',
  'good',
  'human',
  'warn',
  'bad',
  'paper',
  'call',
] as const
export type Tones = Record<(typeof NAMES)[number], string>

export function colours(element: Element): Tones {
  const style = getComputedStyle(element)
  const scheme = style.colorScheme
  const isDark =
    scheme === 'dark' || (scheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches)
  const toneOf = (name: string): string => {
    const text = style.getPropertyValue(`--${name}`).trim()
    // A property is not resolved where it is only read.
    const [, light, dark] = /^light-dark\(\s*(#\w+)\s*,\s*(#\w+)\s*\)$/.exec(text) ?? [text, text, text]
    return (isDark ? dark : light) ?? text
  }
  return Object.fromEntries(NAMES.map((name) => [name, toneOf(name)])) as Tones
}

export const isStill = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches
