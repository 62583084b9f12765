import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMalformed, type LogEntry } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { verifyLog } from '../../src/verify/verify.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'

const step = fc.oneof(
  fc.record({ do: fc.constant('messages' as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('message' as const), subject: fc.string({ unit: 'grapheme', maxLength: 60 }) }),
  fc.record({
    do: fc.constant('custom' as const),
    fields: fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()),
  }),
  fc.record({ do: fc.constant('seal' as const) }),
  fc.record({ do: fc.constant('crash' as const), at: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant('reopen' as const) }),
  fc.record({ do: fc.constant('gap' as const) }),
  fc.record({ do: fc.constant('rotate' as const), gzip: fc.boolean() }),
)
const steps = fc.array(step, { minLength: 1, maxLength: 15 })

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function write(file: string, all: readonly Step[]): { log: LogWriter; plain: string[] } {
  const log = new LogWriter(file)
  const plain = [file]
  for (const one of all) {
    if (one.do === 'messages') log.messages(one.count)
    else if (one.do === 'message') log.message(one.subject)
    else if (one.do === 'custom') log.event('custom', { data: [one.fields, { x: 1, seq: log.seq + 1 }] })
    else if (one.do === 'seal') log.seal()
    else if (one.do === 'crash') {
      const line = log.line('message', { from: 'lead', subject: 'never finished' })
      log.seq--
      log.crash(line.slice(0, Math.min(one.at, line.length - 2)))
    } else if (one.do === 'reopen') log.open()
    else if (one.do === 'gap') log.event('log.gap', { lost: 1, reason: 'disk full' })
    else {
      const archived = log.rotate({ gzip: one.gzip })
      if (!one.gzip) plain.push(archived)
    }
  }
  log.seal()
  return { log, plain }
}

test('whatever a writer does, its log verifies clean and reads back in order', async (t) => {
  const folder = scratch(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const file = join(folder, `hive-${run++}.jsonl`)
      const { log } = write(file, all)
      const report = await verifyLog(file)
      assert.deepEqual(report.findings, [])
      assert.equal(report.lastSeq, log.seq)
      assert.equal(report.unsealed.lines, 0)
      const entries = (await collect(readLog(file))).filter((item): item is LogEntry => !isMalformed(item))
      assert.deepEqual(
        entries.map(({ seq }) => seq),
        Array.from({ length: log.seq }, (_, i) => i + 1),
      )
    }),
    { numRuns: cases(60, 25), seed: seedOfRun() },
  )
})

test('any one changed byte before the last seal is found, near its place', async (t) => {
  const folder = scratch(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (all, which, where, flip) => {
        const file = join(folder, `hive-${run++}.jsonl`)
        const { plain } = write(file, all)
        const target = plain[which % plain.length] as string
        const bytes = readFileSync(target)
        const lastSeal = bytes.lastIndexOf(10, bytes.length - 2) + 1
        const at = where % lastSeal
        bytes[at] = (bytes[at] as number) ^ flip
        writeFileSync(target, bytes)
        const line = bytes.subarray(0, at).toString('latin1').split('\n').length
        const report = await verifyLog(file)
        assert.equal(report.ok, false)
        assert.ok(report.findings.length <= 2, JSON.stringify(report.findings))
        for (const finding of report.findings) {
          assert.equal(finding.file, target)
          const { line: from = 1, toLine = from } = finding
          // A line that lost its number may show as missing before the one after it.
          assert.ok(from <= line + 1 && line <= toLine + 1, `${line}: ${JSON.stringify(finding)}`)
        }
      },
    ),
    { numRuns: cases(200, 70), seed: seedOfRun() },
  )
})

test('any one line taken out before the last seal is found', async (t) => {
  const folder = scratch(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), fc.nat(), async (all, which, where) => {
      const file = join(folder, `hive-${run++}.jsonl`)
      const { plain } = write(file, all)
      const target = plain[which % plain.length] as string
      const lines = readFileSync(target, 'latin1').split('\n')
      lines.splice(where % (lines.length - 2), 1)
      writeFileSync(target, lines.join('\n'), 'latin1')
      const report = await verifyLog(file)
      assert.equal(report.ok, false)
      assert.ok(report.findings.every((finding) => finding.file === target) && report.findings.length <= 2)
    }),
    { numRuns: cases(100, 35), seed: seedOfRun() },
  )
})
