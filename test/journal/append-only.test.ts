/** Bytes once written never change, whatever happens to the log. */
import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { append, captureDiag, checkLog, tempFolder, turn } from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

/**
 * Remembers every segment of a log. Each look asserts that the bytes of the last look are still there: the archived
 * segments exactly, the live one as the beginning of what is there now, be it live or archived.
 */
class Witness {
  #live: Buffer = Buffer.alloc(0)
  #archived = new Map<string, Buffer>()

  look(folder: string, after: string): void {
    const live = bytesOf(join(folder, 'hive.jsonl'))
    const archived = new Map<string, Buffer>()
    for (const name of readdirSync(folder).filter((each) => /^hive\.\d{12}\.jsonl(\.gz)?$/.test(each))) {
      const bytes = readFileSync(join(folder, name))
      const plain = name.replace(/\.gz$/, '')
      const content = name.endsWith('.gz') ? gunzipSync(bytes) : bytes
      if (archived.has(plain))
        assert.ok(content.equals(archived.get(plain) as Buffer), `${plain} and its .gz are equal`)
      archived.set(plain, content)
    }
    for (const [name, bytes] of this.#archived) {
      assert.ok(archived.get(name)?.equals(bytes), `${name} is as it was, after ${after}`)
    }
    const fresh = [...archived.keys()].filter((name) => !this.#archived.has(name)).sort()
    const next = fresh.length === 0 ? live : (archived.get(fresh[0] as string) as Buffer)
    assert.ok(
      next.subarray(0, this.#live.length).equals(this.#live),
      `the ${this.#live.length} bytes of the live segment are as they were, after ${after}`,
    )
    this.#live = live
    this.#archived = archived
  }

  /** The live segment lost its last bytes in a crash. */
  cut(bytes: number): void {
    this.#live = this.#live.subarray(0, this.#live.length - bytes)
  }
}

const bytesOf = (file: string): Buffer => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0))

type Step =
  | { do: 'append'; events: number; length: number }
  | { do: 'flush' | 'turn' | 'write' | 'durable' | 'close' | 'exit' | 'broken disk' | 'working disk' }
  | { do: 'crash'; lose: number }
  | { do: 'crash in a rotation' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('append' as const), events: fc.nat(30), length: fc.nat(120) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('flush', 'turn', 'write', 'durable') }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('close', 'exit', 'broken disk', 'working disk') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), lose: fc.nat(500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash in a rotation' as const) }) },
)
const settings: fc.Arbitrary<Partial<JournalOptions>> = fc.record({
  fsync: fc.constantFrom('no', 'everysec', 'always'),
  rotate: fc.record({ maxBytes: fc.constantFrom(1_500, 4_000, 1_000_000), gzip: fc.boolean() }),
  seal: fc.record({ everyBytes: fc.constantFrom(500, 3_000, 1_000_000) }),
})

test('after any sequence of operations, crashes and restarts no byte has changed', async (t) => {
  captureDiag(t)
  const root = tempFolder(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(settings, fc.array(step, { minLength: 1, maxLength: 25 }), async (options, steps) => {
      let life = 0
      let folder = join(root, `${++run}`)
      mkdirSync(folder)
      const witness = new Witness()
      let isBroken = false
      const calls: JournalOptions['calls'] = {
        writeSync(fd, buffer, offset, length) {
          if (isBroken) throw Object.assign(new Error('EIO: injected, write'), { code: 'EIO' })
          return writeSync(fd, buffer, offset, length)
        },
      }
      const open = () => new Journal({ file: join(folder, 'hive.jsonl'), session: 's-1', calls, ...options })
      let journal = open()
      for (const each of steps) {
        switch (each.do) {
          case 'append':
            for (let n = 0; n < each.events; n++) append(journal, { text: 'x'.repeat(each.length) })
            break
          case 'flush':
            if (!isBroken) await journal.flush()
            break
          case 'turn':
            await turn()
            break
          case 'write':
            journal.write()
            break
          case 'durable':
            if (!isBroken) await journal.durable(journal.seq)
            break
          case 'close':
            isBroken = false
            await journal.close()
            witness.look(folder, 'close')
            journal = open()
            break
          case 'exit':
            journal.closeSync()
            witness.look(folder, 'exit')
            journal = open()
            break
          case 'broken disk':
            isBroken = true
            break
          case 'working disk':
            isBroken = false
            break
          case 'crash':
          case 'crash in a rotation': {
            // What a crash leaves is a copy of the files at this moment, without the last bytes of the live one.
            const crashed = join(root, `${run}-${++life}`)
            cpSync(folder, crashed, { recursive: true })
            witness.look(crashed, 'copying')
            isBroken = false
            await journal.close()
            folder = crashed
            const live = join(folder, 'hive.jsonl')
            if (each.do === 'crash') {
              const bytes = bytesOf(live)
              const lost = Math.min(each.lose, bytes.length - bytes.indexOf(10) - 1)
              writeFileSync(live, bytes.subarray(0, bytes.length - lost))
              witness.cut(lost)
            } else {
              const first = JSON.parse(bytesOf(live).toString().split('\n')[0] as string)
              renameSync(live, join(folder, `hive.${String(first.seq).padStart(12, '0')}.jsonl`))
            }
            rmSync(`${live}.lock`, { recursive: true, force: true })
            writeFileSync(`${live}.lock`, '')
            journal = open()
          }
        }
        witness.look(folder, each.do)
      }
      isBroken = false
      await journal.close()
      witness.look(folder, 'the end')
      checkLog(join(folder, 'hive.jsonl'))
    }),
    { numRuns: cases(150, 150) },
  )
})

test('a log that another writer began is gone on with, not changed', async (t) => {
  const file = join(tempFolder(t), 'log.jsonl')
  const foreign =
    '{"ts":1,"kind":"spawn","agentId":"a"}\n\nnot json\n{"ts":2,"kind":"drain","agentId":"a"}\n{"ts":3,"ki'
  writeFileSync(file, foreign)
  for (let life = 0; life < 3; life++) {
    const before = readFileSync(file)
    const journal = new Journal({ file, session: 's-1' })
    append(journal, { life })
    await journal.close()
    assert.ok(readFileSync(file).subarray(0, before.length).equals(before))
  }
})

test('the writer opens the file for appending only', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no' })
  append(journal)
  await journal.flush()
  // Bytes that appear behind the writer's back are not written over: what follows goes after them.
  const before = readFileSync(file)
  const strange = Buffer.from('{"ts":1,"kind":"stranger"}\n')
  writeFileSync(file, strange, { flag: 'a' })
  append(journal, { after: true })
  await journal.flush()
  const bytes = readFileSync(file)
  assert.ok(bytes.subarray(0, before.length + strange.length).equals(Buffer.concat([before, strange])))
  assert.match(bytes.subarray(before.length + strange.length).toString(), /"after":true/)
  await journal.close()
})
