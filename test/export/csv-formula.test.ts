/** What agents wrote never becomes a formula, in whichever way a spreadsheet splits the table into cells. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportCsv } from '../../src/export/csv.js'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

const SIGNS = ['=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20']
const BEFORE = ['', ' ', '\u00a0 ', '"', '""', "' ", ' "', '\t', '\r', '\n', ' \n', '\u0001', '`']
const SPLIT = ['', 'a;', ';', '; ', 'x;;', 'a\t', 'a\n', 'a\r\n', 'a|', 'a;b; "', '";', 'a\u2028', 'a\u0085;']
const TEXTS = SPLIT.flatMap((split) =>
  BEFORE.flatMap((before) => SIGNS.map((sign) => `${split}${before}${sign}1+1`)),
)

/** Cells as a spreadsheet makes them that splits at `separator`, keeps to quotes or ignores them. */
function cellsOf(csv: string, separator: RegExp, quotes: boolean): string[] {
  const cells: string[] = []
  let cell = ''
  let isQuoted = false
  for (let i = 0; i < csv.length; i++) {
    const character = csv[i] as string
    if (quotes && character === '"' && (isQuoted || cell === '')) {
      if (isQuoted && csv[i + 1] === '"') {
        cell += '"'
        i++
      } else isQuoted = !isQuoted
    } else if (!isQuoted && separator.test(character)) {
      cells.push(cell)
      cell = ''
    } else cell += character
  }
  return [...cells, cell]
}

/** Whether a cell is taken for a formula, also after what some leave out. A number of our own is none. */
function isFormula(cell: string): boolean {
  if (/^-?\d+(\.\d+)?$/.test(cell)) return false
  return /^[\s\p{Cc}"`]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u.test(cell) || /^[\t\r\n]./.test(cell)
}

async function csvOf(file: string): Promise<string> {
  let csv = ''
  await exportCsv([file], {}, async (row) => {
    csv += `${row}\n`
  })
  return csv
}

test('no cell begins a formula, whether split at commas, semicolons, tabs or bars', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const lines = TEXTS.flatMap((text, i) => [
    {
      ts: i,
      kind: text,
      agentId: text,
      from: text,
      subject: text,
      own: text,
      [text]: [text, { [text]: -1 }],
    },
    { ts: i, kind: 'x', to: [text], status: { [text]: text }, ms: -5 },
  ])
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const csv = await csvOf(file)
  for (const [separator, quotes] of [
    [/[,\r\n]/, true],
    [/[;\r\n]/, true],
    [/[;\r\n]/, false],
    [/[\t\r\n]/, true],
    [/[\t\r\n]/, false],
    [/[|\r\n]/, false],
  ] as const) {
    const found = cellsOf(csv, separator, quotes).filter(isFormula)
    assert.deepEqual(found.slice(0, 5), [], `${found.length} cells, split at ${separator}`)
  }
})

test('the fields without a column stay the same JSON value', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const more = Object.fromEntries(TEXTS.map((text) => [`x${text}`, [text, { deep: text }]]))
  writeFileSync(file, `${JSON.stringify({ ts: 1, kind: 'x', ...more })}\n`)
  const cells = cellsOf(await csvOf(file), /[,\n]/, true)
  const json = cells.find((cell) => cell.startsWith('{')) as string
  assert.deepEqual(JSON.parse(json.replace(/\r$/, '')), more)
})

test('a text of a million blanks or semicolons takes no time worth telling', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const texts = ['\t', ';', ' ', '"', '; '].map((each) => each.repeat(1_000_000))
  writeFileSync(
    file,
    texts.map((subject) => `${JSON.stringify({ ts: 1, kind: 'x', subject, subject2: subject })}\n`).join(''),
  )
  const from = performance.now()
  await csvOf(file)
  assert.ok(performance.now() - from < 20_000)
})

test('in a file the table is unchanged but for formulas', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  const subject = 'a\u202eb\u001b[2Jc\u00add;-1'
  writeFileSync(file, `${JSON.stringify({ ts: 1, kind: 'x', subject })}\n`)
  const { code, stdout } = await hivelog(['export', '--format', 'csv', file])
  assert.equal(code, 0)
  assert.ok(stdout.includes("a\u202eb\u001b[2Jc\u00add;'-1"), JSON.stringify(stdout))
})
