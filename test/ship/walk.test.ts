/** Whatever the segments and the sizes of the pieces, all lines come once, whole, and in their order. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { shipStatus } from '../../src/ship/status.js'
import { LogWalk } from '../../src/ship/walk.js'
import { fakeIngest } from '../kit/fake-ingest.js'
import { tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const line = (seq: number, pad: number): string =>
  `{"ts":1,"kind":"note","text":"${'ä'.repeat(pad)}","seq":${seq},"session":"s"}\n`
const archive = (first: number): string => `x.${String(first).padStart(12, '0')}.jsonl`

test('walked in pieces of any size, while it grows, is rotated and compressed', async () => {
  const act = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant('write' as const), pad: fc.integer({ min: 0, max: 300 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('rotate' as const), pad: fc.integer({ min: 0, max: 1 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ what: fc.constant('walk' as const), pad: fc.integer({ min: 1, max: 2_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('tear' as const), pad: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('rest' as const), pad: fc.constant(0) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 40 }), async (acts) => {
      const folder = mkdtempSync(join(tmpdir(), 'hivelog-walk-'))
      const file = join(folder, 'x.jsonl')
      try {
        let seq = 1
        let first = 1
        let written = line(seq, 3)
        /** Characters of the segment that is written to. */
        let segmentLength = written.length
        /** Half a line that is there, and its rest. */
        let rest = ''
        writeFileSync(file, written)
        const walk = new LogWalk(file, { segment: 1, offset: 0 })
        let walked = ''
        const step = async (maxBytes: number): Promise<boolean> => {
          const piece = await walk.next(maxBytes)
          if (piece === undefined) return false
          const text = piece.bytes.toString('utf8')
          assert.ok(text.endsWith('\n'))
          assert.ok(piece.bytes.length <= maxBytes || text.indexOf('\n') === text.length - 1)
          walked += text
          await walk.to(piece.end)
          return true
        }
        const finishLine = (): void => {
          appendFileSync(file, rest)
          rest = ''
        }
        for (const { what, pad } of acts) {
          if (what === 'walk') await step(pad)
          else if (what === 'rest') await walk.rest()
          else if (what === 'rotate') {
            finishLine()
            const plain = join(folder, archive(first))
            renameSync(file, plain)
            if (pad === 1) {
              const text = written.slice(written.length - segmentLength)
              writeFileSync(`${plain}.gz`, gzipSync(text))
              unlinkSync(plain)
            }
            first = ++seq
            segmentLength = 0
            add(line(seq, 1))
          } else if (what === 'tear') {
            finishLine()
            const whole = line(++seq, pad)
            written += whole
            segmentLength += whole.length
            appendFileSync(file, whole.slice(0, pad))
            rest = whole.slice(pad)
          } else {
            finishLine()
            add(line(++seq, pad))
          }
        }
        finishLine()
        while (await step(500));
        assert.equal(walked, written)
        await walk.rest()

        function add(text: string): void {
          appendFileSync(file, text)
          written += text
          segmentLength += text.length
        }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }),
    { numRuns: cases(60, 60) },
  )
})

test('what is behind is counted: archived, compressed, live, and not half a line', async (t) => {
  const server = await fakeIngest(t)
  const folder = tempFolder(t)
  const file = join(folder, 'x.jsonl')
  const one = line(1, 5) + line(2, 5)
  const two = line(3, 5)
  const live = line(4, 50) + line(5, 0)
  writeFileSync(join(folder, `${archive(1)}.gz`), gzipSync(one))
  writeFileSync(join(folder, archive(3)), two)
  writeFileSync(file, `${live}{"ts":1,"ki`)
  const options = { url: server.url, signal: new AbortController().signal }
  const [all] = await shipStatus([file], options)
  assert.equal(all?.behindLines, 5)
  assert.equal(all?.behindBytes, Buffer.byteLength(one + two + live))
  server.instead = ({ method }) =>
    method === 'GET'
      ? { status: 200, body: { segment: 4, offset: Buffer.byteLength(line(4, 50)), seq: 4 } }
      : undefined
  const [rest] = await shipStatus([file], options)
  assert.deepEqual([rest?.seq, rest?.behindLines, rest?.behindBytes], [4, 1, line(5, 0).length])
})
