/** JSON text that is the same for the same value, whatever the order of its keys, however deep it is. */

/** A step that is still to be taken: text to add, or a value whose text is to be added. */
type Step = { text: string } | { value: unknown }

/** Keys of objects sorted, no blanks. Holds its own stack: a log may nest deeper than calls may. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const pieces: string[] = []
  const steps: Step[] = [{ value }]
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if ('text' in step) pieces.push(step.text)
    else if (typeof step.value !== 'object' || step.value === null) {
      pieces.push(JSON.stringify(step.value) ?? 'null')
    } else if (Array.isArray(step.value)) {
      steps.push({ text: ']' })
      for (let i = step.value.length - 1; i >= 0; i--) {
        steps.push({ value: step.value[i] })
        if (i > 0) steps.push({ text: ',' })
      }
      pieces.push('[')
    } else {
      const object = step.value as Record<string, unknown>
      const keys = Object.keys(object).sort()
      steps.push({ text: '}' })
      for (let i = keys.length - 1; i >= 0; i--) {
        const key = keys[i] as string
        steps.push({ value: object[key] }, { text: `${i > 0 ? ',' : ''}${JSON.stringify(key)}:` })
      }
      pieces.push('{')
    }
  }
  return pieces.join('')
}
