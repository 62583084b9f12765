// Holds docs/format.md, examples/python/ and the package together: makes real logs with the built package, damages
// copies of them, and asks both verifiers and both readers.
//
//   npm run build && node scripts/check-python.mjs [--seed 1] [--rounds 3]
//
// Prints a line a log and closes with `python: N passed, N failed[, N skipped]`. Exit: 0 none failed, 1 some.
import { spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' } },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const reader = join(root, 'examples/python/hivelog_read.py')
const verifier = join(root, 'examples/python/hivelog_verify.py')
const self = fileURLToPath(import.meta.url)
const { startHive } = await import(new URL('../dist/index.js', import.meta.url))
const { Journal } = await import(new URL('../dist/journal/journal.js', import.meta.url))
const { hiveBatches } = await import(new URL('../dist/read/hive.js', import.meta.url))
const { verifyLog } = await import(new URL('../dist/read.js', import.meta.url))
const { encodeTail } = await import(new URL('../dist/format/encode.js', import.meta.url))

const python = (args, options) =>
  spawnSync('python3', args, { maxBuffer: 1 << 28, timeout: 600_000, ...options })

const counts = { passed: 0, failed: 0, skipped: 0 }
const version = python(['-c', 'import sys; print(sys.version_info >= (3, 9))'], { encoding: 'utf8' })
if (version.stdout?.trim() !== 'True') {
  console.log('skipped: there is no python3 of version 3.9 or newer')
  console.log('python: 0 passed, 0 failed, 1 skipped')
  process.exit(0)
}

const work = mkdtempSync(join(tmpdir(), 'hivelog-python-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const keys = generateKeyPairSync('ed25519')
const other = generateKeyPairSync('ed25519')
const pem = (pair) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' })
const key = join(work, 'public.pem')
writeFileSync(key, keys.publicKey.export({ type: 'spki', format: 'pem' }))

let state = Number(values.seed)
/** A whole number from 0 to below `n` (a linear congruential generator: the same logs for the same seed). */
function random(n) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return (state >>> 8) % n
}

async function hiveOf(file, options, work) {
  const hive = startHive({ file, otlp: false, serviceName: 'python', ...options })
  await work(hive)
  await hive.shutdown()
}

async function events(hive, count) {
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder “ü”' })
  for (let i = 0; i < count; i++) {
    const sent = lead.message({ to: 'coder', act: 'inform', subject: `part ${i} ${'.'.repeat(random(200))}` })
    if (i % 5 === 0) coder.drain([sent])
    if (i % 7 === 0) coder.log('plan.revised', { steps: i, note: 'é\u2028"\\' })
    await hive.flush()
  }
  const { id } = coder.escalate({ subject: 'Drop the users table?' })
  await hive.approve(id, false, { by: 'ana' })
  coder.end()
  lead.end()
}

// A child of this very program: writes until it is killed, lines so long that a kill falls into a write.
if (process.env.CHECK_PYTHON_CHILD !== undefined) {
  const { file, privateKey } = JSON.parse(process.env.CHECK_PYTHON_CHILD)
  const hive = startHive({
    file,
    otlp: false,
    maxFieldBytes: 1 << 24,
    seal: { privateKey, everyBytes: 1 << 26 },
  })
  const agent = hive.spawn({ agentId: 'doomed' })
  process.send('open')
  for (let n = 0; n < 50; n++) {
    agent.message({ to: 'x', act: 'inform', subject: 'long '.repeat(400_000) })
    await hive.flush()
  }
}

// A child that has a child of its own, and records beside it.
if (process.env.CHECK_PYTHON_FAMILY !== undefined) {
  const hive = startHive({ otlp: false, ...JSON.parse(process.env.CHECK_PYTHON_FAMILY) })
  await events(hive, 12)
  if (hive.self.agentId === 'child') {
    const grandchild = hive.self.spawn({ agentId: 'grandchild' })
    const { status } = spawnSync(process.execPath, [self], {
      env: { ...process.env, ...grandchild.env() },
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error(`the grandchild ended with ${status}`)
    await events(hive, 12)
  }
  await hive.shutdown()
  process.exit()
}

/** Whether a file ends in the middle of a line, as far as is written now. */
function isOpen(file) {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const last = Buffer.alloc(1)
    return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 10
  } finally {
    closeSync(fd)
  }
}

/** A writer that is killed in the middle of a write, so that half a line is left. Returns how many that took. */
async function killed(file, privateKey) {
  for (let tries = 1; tries <= 20; tries++) {
    rmSync(file, { force: true })
    const env = { ...process.env, CHECK_PYTHON_CHILD: JSON.stringify({ file, privateKey }) }
    const child = spawn(process.execPath, [self], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await once(child, 'message')
    const until = Date.now() + 5_000
    while (!isOpen(file) && Date.now() < until);
    child.kill('SIGKILL')
    await once(child, 'exit')
    if (isOpen(file)) return tries
  }
  throw new Error('no SIGKILL left half a line')
}

/** Each log lies in a folder of its own, under the name `hive.jsonl`. */
const logs = []
async function make(name, build, { signed = false } = {}) {
  const folder = join(work, name.replace(/\W+/g, '-'))
  mkdirSync(folder)
  const file = join(folder, 'hive.jsonl')
  await build(file)
  logs.push({ name, file, signed, isBase: true })
}

const signing = { seal: { privateKey: pem(keys) } }
await make('plain', (file) => hiveOf(file, {}, (hive) => events(hive, 30)))
await make('rotated', (file) => hiveOf(file, { rotate: { maxBytes: 3_000 } }, (hive) => events(hive, 30)))
await make('gzipped', (file) =>
  hiveOf(file, { rotate: { maxBytes: 3_000, gzip: true } }, (hive) => events(hive, 30)),
)
const small = { rotate: { maxBytes: 4_000 } }
await make('signed', (file) => hiveOf(file, { ...signing, ...small }, (hive) => events(hive, 30)), {
  signed: true,
})
await make(
  'signed, gzipped, sealed often, opened three times',
  async (file) => {
    const seal = { ...signing.seal, everyBytes: 1_500 }
    for (let life = 0; life < 3; life++)
      await hiveOf(file, { seal, rotate: { maxBytes: 5_000, gzip: true } }, (hive) => events(hive, 12))
  },
  { signed: true },
)
await make('first unsigned, then signed', async (file) => {
  await hiveOf(file, {}, (hive) => events(hive, 5))
  await hiveOf(file, signing, (hive) => events(hive, 5))
})
await make('artifacts', (file) =>
  hiveOf(file, small, async (hive) => {
    const agent = hive.spawn({ agentId: 'a' })
    for (let i = 0; i < 5; i++) {
      agent.snapshot({ label: `state ${i}`, content: { i } })
      agent.log('plan', { big: `${i}`.repeat(9_000), list: Array.from({ length: 5_000 }, (_, n) => n) })
      await hive.flush()
    }
    agent.end()
  }),
)
await make('an artifact that was lost, as the log says', async (file) => {
  const ref = 'a'.repeat(64)
  const lines = [
    { ts: 1, kind: 'plan', big: { ref, bytes: 9 }, seq: 1 },
    { ts: 2, kind: 'log.gap', lost: 1, reason: 'EIO', from: 1, to: 1, artifact: ref, seq: 2 },
    { ts: 3, kind: 'x', seq: 3 },
  ]
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
})
await make('gone on with by a second process, and children', async (file) => {
  await hiveOf(file, {}, async (hive) => {
    const child = hive.spawn({ agentId: 'child/1', name: 'Child' })
    const program = `const { startHive } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url))})
      const hive = startHive({ otlp: false }); hive.self.message({ to: 'lead', act: 'inform', subject: 'from below' })
      await hive.shutdown()`
    const env = { ...process.env, ...child.env() }
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env,
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error(`the child ended with ${status}`)
    child.end()
  })
})
const childLogs = join(work, 'gone-on-with-by-a-second-process-and-children', 'hive.jsonl.agents')
for (const name of readdirSync(childLogs).filter((each) => each.endsWith('.jsonl'))) {
  mkdirSync(join(work, 'child'))
  cpSync(join(childLogs, name), join(work, 'child', 'hive.jsonl'))
  logs.push({
    name: `child log ${name}`,
    file: join(work, 'child', 'hive.jsonl'),
    signed: false,
    isBase: true,
  })
}
// All at once: rotated and compressed, signed, cut off in the middle of a line, by processes that have processes.
const family = 'rotated, signed, torn, by a process, its child and a grandchild'
await make(
  family,
  async (file) => {
    const options = { rotate: { maxBytes: 4_000, gzip: true }, ...signing }
    await hiveOf(file, options, async (hive) => {
      await events(hive, 10)
      const child = hive.spawn({ agentId: 'child' })
      const env = { ...process.env, ...child.env(), CHECK_PYTHON_FAMILY: JSON.stringify(options) }
      const ended = spawnSync(process.execPath, [self], { env, stdio: 'inherit' })
      if (ended.status !== 0) throw new Error(`the child ended with ${ended.status}`)
      await events(hive, 10)
    })
    for (const log of [file, join(`${file}.agents`, 'child.jsonl')]) {
      appendFileSync(log, '{"ts":1764183600000,"kind":"message","fr')
      await hiveOf(log, options, (hive) => events(hive, 3))
    }
  },
  { signed: true },
)
const parent = logs[logs.length - 1].file
for (const part of ['child.jsonl', 'child.jsonl.agents/grandchild.jsonl']) {
  logs.push({ name: `${family}: ${part}`, file: join(`${parent}.agents`, part), signed: true, isBase: true })
}
await make('child logs that are pipes, and folders that lead back', async (file) => {
  await hiveOf(file, {}, (hive) => events(hive, 3))
  const folder = `${file}.agents`
  mkdirSync(folder)
  spawnSync('mkfifo', [join(folder, 'pipe.jsonl')])
  for (const name of ['a', 'b']) symlinkSync('.', join(folder, `${name}.jsonl.agents`))
  cpSync(file, join(folder, 'child.jsonl'))
})
for (const privateKey of [undefined, pem(keys)]) {
  const how = privateKey === undefined ? 'killed' : 'killed, signed'
  let tries = 0
  await make(`${how}, not opened since`, async (file) => {
    tries = await killed(file, privateKey)
  })
  console.log(`        SIGKILL left half a line at try ${tries}`)
  const before = logs[logs.length - 1]
  before.signed = privateKey !== undefined
  await make(
    `${how} and reopened`,
    async (file) => {
      cpSync(dirname(before.file), dirname(file), { recursive: true })
      rmSync(`${file}.lock`, { recursive: true, force: true })
      await hiveOf(file, privateKey === undefined ? {} : signing, (hive) => events(hive, 4))
    },
    { signed: privateKey !== undefined },
  )
}
const deeds = {
  'written to': (file) => appendFileSync(file, '{"ts":1,"kind":"mine"}\n'),
  cut: (file) => truncateSync(file, statSync(file).size - 100),
  removed: (file) => rmSync(file),
  replaced: (file) => {
    writeFileSync(`${file}.new`, '{"ts":1,"kind":"mine"}\n')
    renameSync(`${file}.new`, file)
  },
}
for (const [what, deed] of Object.entries(deeds)) {
  await make(`${what} by somebody else while open`, (file) =>
    hiveOf(file, {}, async (hive) => {
      await events(hive, 4)
      deed(file)
      for (let i = 0; i < 3; i++) {
        hive.spawn({ agentId: `late ${i}` }).end()
        await hive.flush().catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 600))
      }
    }),
  )
}
await make('changed by somebody else before it was reopened', async (file) => {
  await hiveOf(file, {}, (hive) => events(hive, 4))
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('part 1', 'part 9'))
  await hiveOf(file, {}, (hive) => events(hive, 4))
})
for (const seal of [{}, signing.seal]) {
  const how = seal === signing.seal ? ', signed' : ''
  const options = { signed: how !== '' }
  await make(
    `taken over from a writer that only went silent${how}`,
    async (file) => {
      await hiveOf(file, { seal }, (hive) => events(hive, 4))
      appendFileSync(file, '{"ts":1764183600000,"kind":"message","fr')
      // The lock of a writer on another machine that has not touched it for a minute.
      const nonce = '0123456789abcdef'
      const lock = {
        pid: 1,
        host: 'elsewhere',
        since: 'then',
        nonce,
        boot: 'another',
        pidNamespace: 'another',
      }
      mkdirSync(`${file}.lock`)
      writeFileSync(join(`${file}.lock`, nonce), JSON.stringify(lock))
      const then = new Date(Date.now() - 60_000)
      utimesSync(join(`${file}.lock`, nonce), then, then)
      await hiveOf(file, { seal }, (hive) => events(hive, 4))
      if (segmentsOf(file).length !== 2) throw new Error('the writer did not begin a segment of its own')
    },
    options,
  )
  await make(
    `a refused sync${how}`,
    async (file) => {
      let refusals = 1
      const calls = {
        writeSync,
        fdatasync: (fd, done) =>
          refusals-- > 0 ? setImmediate(() => done(new Error('EIO'))) : fdatasync(fd, done),
      }
      const journal = new Journal({ file, session: 's-1', fsync: 'always', calls, seal })
      for (let n = 0; n < 20; n++) {
        await journal
          .durable(journal.append(Date.now(), 'x', { n }, encodeTail({ session: 's-1' })))
          .catch(() => {})
      }
      await journal.close()
      if (segmentsOf(file).length !== 2) throw new Error('the journal did not begin a new segment')
    },
    options,
  )
}
const FOREIGN = [
  '\ufeff{"ts":1,"kind":"message","from":"a","to":"b"}\r',
  '{"kind":"spawn","ts":2.5,"agentId":"x"}',
  '  {"ts":3e0,"kind":"x","deep":{"seq":7,"kind":"log.seal"}}  ',
]
await make('foreign, without seq', (file) => writeFileSync(file, `${FOREIGN.join('\n')}\n`))
await make('foreign, gone on with', async (file) => {
  writeFileSync(file, FOREIGN.join('\n'))
  await hiveOf(file, small, (hive) => events(hive, 20))
})
const ODD = [
  '{"ts":1,"kind":"x","seq":1}',
  '',
  'no JSON',
  '{"ts":NaN,"kind":"x"}',
  '{"ts":1e999,"kind":"x"}',
  '{"ts":1,"kind":""}',
  '[1]',
  '{"ts":"1","kind":"x"}',
  '{"ts":1,"kind":"new.kind","seq":2,"new":{"a":[1,null]}}',
  '{"ts":1,"ts":2,"kind":"x","seq":3.0}',
  '{"ts":1,"kind":"\\ud800","seq":4}',
  '{"ts":1,"kind":"x\tx"}',
  `{"ts":1,"kind":"x","n":${'9'.repeat(5_000)}}`,
  `{"ts":1,"kind":"x","d":${'['.repeat(300)}${']'.repeat(300)}}`,
  `{"kind":"x","ts":1,"d":${'[{"}":'.repeat(5_000)}7${'},"["]'.repeat(5_000)},"seq":2}`,
  `{"kind":"x","ts":1,"d":${'['.repeat(5_000)}]{${']'.repeat(4_999)},"seq":2}`,
  `{"kind":"x","ts":1,"d":${'['.repeat(5_000)}`,
  '{"ts":1,"kind":"x","seq":9007199254740993}',
  '{"ts":1,"kind":"x"',
]
for (const [i, line] of ODD.entries())
  await make(`odd line ${i}`, (file) => writeFileSync(file, `${ODD[0]}\n${line}\n${ODD[8]}\n`))
await make('empty', (file) => writeFileSync(file, ''))

/** Ways to damage the files of a log; each returns false where there is nothing to damage in that way. */
const text = (file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file))
const put = (file, bytes) => writeFileSync(file, file.endsWith('.gz') ? gzipSync(bytes) : bytes)
const linesIn = (file) => text(file).toString('latin1').split('\n').slice(0, -1)
const putLines = (file, lines) => put(file, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1'))
const ways = {
  'a byte is changed': (file) => {
    const bytes = text(file)
    if (bytes.length === 0) return false
    bytes[random(bytes.length)] ^= 1 << random(7)
    return put(file, bytes)
  },
  'a line is taken out': (file) => {
    const lines = linesIn(file)
    if (lines.length < 3) return false
    lines.splice(random(lines.length), 1)
    return putLines(file, lines)
  },
  'two lines are swapped': (file) => {
    const lines = linesIn(file)
    if (lines.length < 4) return false
    const at = random(lines.length - 1)
    lines.splice(at, 2, lines[at + 1], lines[at])
    return putLines(file, lines)
  },
  'a line is there twice': (file) => {
    const lines = linesIn(file)
    if (lines.length < 3) return false
    const at = random(lines.length)
    lines.splice(at, 0, lines[at])
    return putLines(file, lines)
  },
  'a line is put in': (file) => {
    const lines = linesIn(file)
    lines.splice(random(lines.length + 1), 0, '{"ts":1,"kind":"message","from":"x"}')
    return putLines(file, lines)
  },
  'the end is cut off': (file) => put(file, text(file).subarray(0, -1 - random(300))),
  'it is emptied': (file) => put(file, Buffer.alloc(0)),
  'it is removed': (file) => rmSync(file),
  'compressed data is cut': (file) =>
    file.endsWith('.gz') && truncateSync(file, Math.trunc(statSync(file).size / 2)),
  'compressed data is changed': (file) =>
    recompressed(file, (bytes) => {
      bytes[random(bytes.length)] ^= 1 << random(8)
      return bytes
    }),
  'compressed data has a wrong check sum': (file) =>
    recompressed(file, (bytes) => {
      bytes[bytes.length - 5] ^= 1
      return bytes
    }),
  'compressed data has garbage behind it': (file) =>
    recompressed(file, (bytes) => Buffer.concat([bytes, Buffer.from('garbage'.slice(random(7)))])),
  'compressed data has a second member': (file) =>
    recompressed(file, (bytes) => Buffer.concat([bytes, gzipSync('{"ts":1,"kind":"message","from":"x"}\n')])),
  'compressed data has an empty member': (file) =>
    recompressed(file, (bytes) => Buffer.concat([bytes, gzipSync('')])),
  'compressed data has padding': (file) =>
    recompressed(file, (bytes) => Buffer.concat([bytes, Buffer.alloc(random(2) * (1 << 17) + 512)])),
  'compressed data has padding and a member': (file) =>
    recompressed(file, (bytes) => Buffer.concat([bytes, Buffer.alloc(512), gzipSync('x\n')])),
  'it is compressed': (file) => {
    if (!/\.\d{12}\.jsonl$/.test(file)) return false
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)))
    return rmSync(file)
  },
  'a twin is the same': (file) =>
    /\.\d{12}\.jsonl$/.test(file) && writeFileSync(`${file}.gz`, gzipSync(readFileSync(file))),
  'a twin is another': (file) =>
    /\.\d{12}\.jsonl$/.test(file) && writeFileSync(`${file}.gz`, gzipSync('x\n')),
  'a twin has garbage behind it': (file) =>
    /\.\d{12}\.jsonl$/.test(file) &&
    writeFileSync(`${file}.gz`, Buffer.concat([gzipSync(readFileSync(file)), Buffer.from('x')])),
  'a name can be no segment': (file) =>
    writeFileSync(file.replace(/(\.\d{12})?\.jsonl(\.gz)?$/, '.0000000000001.jsonl'), ''),
  'an artifact is changed': (file) => damageArtifact(file, (path) => appendFileSync(path, 'x')),
  'an artifact is removed': (file) => damageArtifact(file, (path) => rmSync(path)),
  'a seal is by another key': async (file) => {
    if (/\.gz$/.test(file) || /\.\d{12}\.jsonl$/.test(file)) return false
    const seal = { privateKey: pem(other) }
    await hiveOf(file, { seal }, (hive) => events(hive, 3))
  },
  'signatures are taken out': (file) =>
    putLines(
      file,
      linesIn(file).map((line) => line.replace(/,"sig":"[^"]*"/, '')),
    ),
}
/** As a forger hides it who can append to the log. */
for (const way of [
  'a line is taken out',
  'the end is cut off',
  'it is emptied',
  'it is removed',
  'an artifact is removed',
]) {
  const damage = ways[way]
  ways[`${way}, and a gap says so`] = (file) => damage(file) !== false && appendGaps(file)
}

/** Writes into the live file that all lines up to there may be lost, and each artifact. */
function appendGaps(file) {
  const live = join(dirname(file), 'hive.jsonl')
  if (!existsSync(live)) return false
  const last = linesIn(live).findLast((line) => /,"seq":\d+/.test(line))
  if (last === undefined || !text(live).toString('latin1').endsWith('\n')) return false
  const { ts, seq, session } = JSON.parse(last)
  const named = [...readFileSync(live, 'latin1').matchAll(/"ref":"([0-9a-f]{64})"/g)].map(([, ref]) => ({
    artifact: ref,
  }))
  const lines = [{ from: 1, to: seq }, ...named].map((fields, i) =>
    JSON.stringify({
      ts,
      kind: 'log.gap',
      lost: 0,
      reason: 'a sync was refused',
      ...fields,
      seq: seq + 1 + i,
      session,
    }),
  )
  return appendFileSync(live, lines.map((line) => `${line}\n`).join(''))
}

function recompressed(file, change) {
  return file.endsWith('.gz') && writeFileSync(file, change(readFileSync(file)))
}

function damageArtifact(file, damage) {
  const folder = `${file.replace(/(\.\d{12})?\.jsonl(\.gz)?$/, '.jsonl')}.artifacts`
  if (!existsSync(folder)) return false
  const names = readdirSync(folder, { recursive: true }).filter((name) => basename(name).length === 64)
  return damage(join(folder, names[random(names.length)]))
}

function segmentsOf(file) {
  const names = readdirSync(dirname(file)).filter((name) => /^hive(\.\d{12})?\.jsonl(\.gz)?$/.test(name))
  return names.map((name) => join(dirname(file), name))
}

let made = 0
for (const base of logs.filter(({ name }) => !/^odd|^empty|not opened since|pipes/.test(name))) {
  const isLarge = segmentsOf(base.file).some((file) => statSync(file).size > 1 << 21)
  for (const [way, damage] of Object.entries(ways)) {
    for (let round = 0; round < (isLarge ? 1 : Number(values.rounds)); round++) {
      const folder = join(work, `damaged-${made++}`)
      cpSync(dirname(base.file), folder, { recursive: true })
      const segments = segmentsOf(join(folder, 'hive.jsonl'))
      if (segments.length === 0) continue
      const target = segments[random(segments.length)]
      if ((await damage(target)) === false) {
        rmSync(folder, { recursive: true })
        continue
      }
      const file = join(folder, 'hive.jsonl')
      logs.push({
        name: `${base.name}: ${basename(target)}: ${way}`,
        file,
        signed: base.signed,
        isBase: false,
      })
    }
  }
}

/** A place as both tell of it: file, and lines if there are any. */
const placesOf = ({ findings }) =>
  findings.map(({ file, line, toLine }) => ({ file: basename(file), from: line, to: toLine ?? line }))
const placesIn = (output) =>
  [...output.matchAll(/^(.*?):(\d*)(?:-(\d+))?: /gm)]
    .filter(([line]) => !line.startsWith('DAMAGED'))
    .map(([, file, from, to]) => ({
      file: basename(file),
      from: from === '' ? undefined : Number(from),
      to: Number(to ?? from),
    }))
/** Of a line that is there twice, or missing, either neighbour may be named. */
const overlaps = (a, b) =>
  a.file === b.file &&
  (a.from === undefined || b.from === undefined || (a.from <= b.to + 1 && b.from <= a.to + 1))

/** Runs the verifier's `main` once a log, in one process: each time arguments in, exit code and output out. */
const DRIVER = `
import contextlib, io, json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import hivelog_verify as module
for args in json.load(sys.stdin):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = module.main(*args)
    except (OSError, ValueError) as error:
        code, out = 2, io.StringIO(str(error))
    print(json.dumps([code, out.getvalue()]))
`

/** What both say of these logs, in as few processes as can be: starting them takes longest. */
async function askAll(asked, withKey) {
  const more = withKey ? ['--key', key] : []
  const input = JSON.stringify(asked.map(({ file }) => [file, ...more]))
  const { stdout, stderr, status } = python(['-c', DRIVER, verifier], { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`python3 ended with ${status}: ${stderr}`)
  const theirs = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const publicKey = withKey ? readFileSync(key) : undefined
  const ours = []
  for (const { file } of asked) {
    // What one says of it when it cannot be read at all, the other must not take for a good log.
    ours.push(await verifyLog(file, { ...(publicKey && { publicKey }) }).catch(() => undefined))
  }
  return asked.map((_, i) => ({ report: ours[i], code: theirs[i][0], output: theirs[i][1] }))
}

/** What the two say differently; `undefined` when they agree. */
function difference({ report, code, output }) {
  if (report === undefined) return code === 2 ? undefined : `only hivelog cannot read it: ${output}`
  const said = `\n  hivelog: ${report.findings.map((each) => JSON.stringify(each)).join('\n           ')}\n  python:  ${output}`
  if (code === 2 || report.ok !== (code === 0)) return `verdicts differ${said}`
  if (report.ok) return undefined
  const [a, b] = [placesOf(report), placesIn(output)]
  if (!a.some((place) => b.some((each) => overlaps(place, each)))) return `they name other places${said}`
  const missed = a.find((place) => !b.some((each) => each.file === place.file))
  return missed === undefined ? undefined : `only hivelog names ${missed.file}${said}`
}

/** The events that both give of a log, or of all logs of its hive. */
async function readDifference({ file }, thisFile) {
  const ours = []
  for await (const items of hiveBatches([file], { text: true, thisFile }))
    for (const item of items) if (item.text !== undefined) ours.push(item.text)
  const theirs = python([reader, ...(thisFile ? ['--this-file'] : []), file], { encoding: 'utf8' })
  if (theirs.status !== 0) return `exit ${theirs.status}: ${theirs.stderr}`
  return ours.map((line) => `${line}\n`).join('') === theirs.stdout ? undefined : 'they give other events'
}

function check(name, wrong) {
  if (wrong === undefined) counts.passed++
  else counts.failed++
  console.log(wrong === undefined ? `ok      ${name}` : `FAILED  ${name}: ${wrong}`)
}

for (const [i, said] of (await askAll(logs, false)).entries()) check(logs[i].name, difference(said))
const withKey = logs.filter(({ name, signed }) => signed || name.includes('unsigned'))
if (python(['-c', 'import cryptography']).status === 0) {
  for (const [i, said] of (await askAll(withKey, true)).entries())
    check(`${withKey[i].name}, with key`, difference(said))
} else {
  counts.skipped += withKey.length
  console.log(`skipped signatures (${withKey.length} checks): python3 has no package \`cryptography\``)
}
const readAnew = logs.filter(({ isBase, name }) => isBase || name.includes('compressed data'))
for (const log of readAnew) {
  check(`events: ${log.name}`, await readDifference(log, true))
  if (existsSync(`${log.file}.agents`)) check(`hive: ${log.name}`, await readDifference(log, false))
}
const missing = join(work, 'none', 'hive.jsonl')
const pipe = join(work, 'pipe.jsonl')
const pipes = spawnSync('mkfifo', [pipe]).status === 0 ? [[pipe]] : []
for (const program of [reader, verifier]) {
  for (const args of [[], ['--other', key], [missing], [work], ...pipes]) {
    const { status } = python([program, ...args])
    const what = `exit code 2: ${basename(program)} ${args.join(' ')}`
    check(what, status === 2 ? undefined : `exit code ${status}`)
  }
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`python: ${counts.passed} passed, ${counts.failed} failed${skipped}`)
process.exitCode = counts.failed > 0 ? 1 : 0
