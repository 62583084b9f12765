const cell = (value) => String(value)

export function table(columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(cell))
  const widths = columns.map((_, at) => Math.max(3, ...lines.map((line) => line[at].length)))
  const format = (line) => {
    const cells = line.map((text, at) => (at === 0 ? text.padEnd(widths[at]) : text.padStart(widths[at])))
    return `| ${cells.join(' | ')} |`
  }
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [format(lines[0]), `| ${rule.join(' | ')} |`, ...lines.slice(1).map(format)].join('\n')
}

export function isMet({ atLeast, atMost, measured }) {
  return (atLeast === undefined || measured >= atLeast) && (atMost === undefined || measured <= atMost)
}

function verdict(target) {
  const { what, atLeast, atMost, measured } = target
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`
  return [what, bound, measured.toFixed(2), isMet(target) ? 'pass' : 'MISS']
}

/** The whole report as markdown. */
export function markdown(machine, sections) {
  const parts = [
    '# hivelog bench',
    Object.entries(machine)
      .map(([name, value]) => `- ${name}: ${value}`)
      .join('\n'),
  ]
  for (const { title, note, columns, rows, failure } of sections) {
    parts.push(`## ${title}`)
    if (failure !== undefined) parts.push(`FAILED: ${failure}`)
    if (note !== undefined) parts.push(note)
    if (rows !== undefined) parts.push(table(columns, rows))
  }
  const targets = sections.flatMap((section) => section.targets ?? [])
  if (targets.length > 0) {
    parts.push('## Targets', table(['what', 'target', 'measured', ''], targets.map(verdict)))
  }
  return `${parts.join('\n\n')}\n`
}
