/**
 * Random changes to a signed, rotated log, after which its writer goes on: each is found with the key, or it is one of
 * those that a log alone cannot show: its end cut off, or changed since the last seal, which is listed as adopted.
 * `HIVELOG_TAMPER_RUNS` says how many; 10,000 take some minutes.
 */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { verifyLog } from '../../src/verify/verify.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'
import { privateKey, publicKey, SealedLog } from '../kit/sealed-log.js'

const RUNS = Number(process.env.HIVELOG_TAMPER_RUNS ?? cases(300, 100))

const change = fc.record({
  /** In which file: 0 and 1 are archived, 2 live. */
  which: fc.nat(2),
  where: fc.nat(),
  how: fc.oneof(
    fc.record({ do: fc.constant('flip' as const), by: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ do: fc.constant('cut' as const) }),
    fc.record({ do: fc.constant('drop' as const), bytes: fc.integer({ min: 1, max: 500 }) }),
    fc.record({ do: fc.constant('insert' as const), text: fc.string({ minLength: 1 }) }),
    fc.record({ do: fc.constant('without-line' as const) }),
    fc.record({ do: fc.constant('twice' as const) }),
    fc.record({ do: fc.constant('swap' as const) }),
    fc.record({ do: fc.constant('forge' as const) }),
    fc.record({ do: fc.constant('forge-and-unseal' as const) }),
    fc.record({ do: fc.constant('reseal' as const) }),
    fc.record({ do: fc.constant('remove-file' as const) }),
  ),
})

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

interface Subject {
  log: SealedLog
  files: string[]
  /** Per file: offset of the last seal's line, and its end. */
  seal: { offset: number; end: number }
}

function write(folder: string): Subject {
  const log = new SealedLog(join(folder, 'hive.jsonl'), {
    key: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  })
  const first = log.decision('e-1', false).seal().events(3).rotate()
  const second = log.events(2).seal().decision('e-2', true).rotate()
  log.events(2).seal().decision('e-3', false)
  const offset = log.bytes.length
  log.seal()
  const end = log.bytes.length
  log.events(2)
  return { log, files: [first, second, log.file], seal: { offset, end } }
}

/** The content after the change, `undefined` for none, and the same where there is nothing to change. */
function changed(before: Buffer, { where, how }: Change): Buffer | undefined {
  const at = where % before.length
  const lines = before.toString('latin1').split('\n')
  const line = where % (lines.length - 1)
  const joined = (edit: () => void): Buffer => {
    edit()
    return Buffer.from(lines.join('\n'), 'latin1')
  }
  switch (how.do) {
    case 'flip': {
      const bytes = Buffer.from(before)
      bytes[at] = (bytes[at] as number) ^ how.by
      return bytes
    }
    case 'cut':
      return before.subarray(0, at)
    case 'drop':
      return Buffer.concat([before.subarray(0, at), before.subarray(at + how.bytes)])
    case 'insert':
      return Buffer.concat([before.subarray(0, at), Buffer.from(how.text), before.subarray(at)])
    case 'without-line':
      return joined(() => lines.splice(line, 1))
    case 'twice':
      return joined(() => lines.splice(line, 0, lines[line] as string))
    case 'swap':
      return joined(() => lines.splice(line, 2, lines[line + 1] as string, lines[line] as string))
    case 'forge':
    case 'forge-and-unseal':
      return Buffer.from(
        lines
          .map((each) => {
            if (each.includes('"log.seal"') && how.do === 'forge-and-unseal') {
              const { ts, seq, session } = JSON.parse(each)
              return JSON.stringify({ ts, kind: 'note', seq, session })
            }
            return each
              .replace('"approve":false', '"approve":true')
              .replace('"subject":"part 0"', '"subject":"part X"')
          })
          .join('\n'),
        'latin1',
      )
    case 'reseal':
      return joined(() => {
        lines[line] = (lines[line] as string).replace('part', 'pant').replace('Drop', 'Keep')
      })
    case 'remove-file':
      return undefined
  }
}

const samePrefix = (a: Buffer, b: Buffer): number => {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  return at
}

test('each of many changes is found, or is one of those that are named', async (t) => {
  const folder = scratch(t)
  const missed = new Map<string, number>()
  let run = 0
  await fc.assert(
    fc.asyncProperty(change, fc.boolean(), async (each, goesOn) => {
      const own = join(folder, String(run++))
      mkdirSync(own)
      const { log, files, seal } = write(own)
      const file = files[each.which] as string
      const before = readFileSync(file)
      const after = changed(before, each)
      if (after === undefined) rmSync(file)
      else writeFileSync(file, after)
      if (after?.equals(before) === true) return
      if (goesOn && existsSync(log.file)) log.goOn().events(2).seal()
      const report = await verifyLog(log.file, { publicKey }).catch(() => undefined)
      rmSync(own, { recursive: true })
      if (report?.ok !== true) return
      // Not found: then it must be one of those that cannot be.
      const isLive = file === log.file
      const at = after === undefined ? 0 : samePrefix(before, after)
      const isCut = after !== undefined && at === after.length
      const isOwnLineOfSeal = at >= seal.offset && at < seal.end
      const isAdopted = report.adopted.some(({ offset, bytes }) => at >= offset && at <= offset + bytes)
      const isUnsealed = !goesOn && at >= seal.end
      const why = isCut
        ? 'cut'
        : isAdopted
          ? 'adopted'
          : isUnsealed
            ? 'unsealed'
            : isOwnLineOfSeal
              ? 'seal'
              : ''
      assert.ok(
        isLive && why !== '',
        `${basename(file)} at ${at}, goes on: ${goesOn}, ${JSON.stringify(each)}`,
      )
      missed.set(why, (missed.get(why) ?? 0) + 1)
    }),
    {
      numRuns: RUNS,
      seed: Number(process.env.HIVELOG_TAMPER_SEED ?? seedOfRun()),
    },
  )
  t.diagnostic(`${run} changes; not to be found: ${JSON.stringify(Object.fromEntries(missed))}`)
})
