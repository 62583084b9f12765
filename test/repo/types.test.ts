/** A wrong call is a compile error: each call is compiled against the sources' types, the wrong ones must fail. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { packageRoot } from '../kit/hive-support.js'

const RIGHT = {
  'usage of a call that failed, without tokens': `lead.usage({ model: 'm', error: 'aborted' })`,
  'a message': `lead.message({ to: 'b', act: 'request', subject: 's' })`,
  'a message with an act of one’s own': `lead.message({ to: 'b', act: 'haggle', subject: 's' })`,
  'a message in full': `lead.message({ to: 'b', act: 'done', subject: 's', id: 'i', inReplyTo: 'j', conversation: 'c', requiresReply: true })`,
  'a drain of a number': 'lead.drain(3)',
  'a drain of messages': `lead.drain([lead.message({ to: 'b', act: 'done', subject: 's' }), 'id', { id: 'i', traceparent: 't' }])`,
  'an escalation': `const { id, durable } = lead.escalate({ subject: 's' }); const p: Promise<void> = durable; void [id, p]`,
  'an approval': `await hive.approve('id', true, { by: 'ana', note: 'n' })`,
  usage: `lead.usage({ inputTokens: 1, outputTokens: 2, costUsd: 0.1 })`,
  'a tool': `lead.tool({ name: 't', ok: false, error: 'e' })`,
  'a call': `lead.call({ host: 'h' })`,
  'a wait': `lead.wait({ resource: 'r', ms: 1 })`,
  'a snapshot': `const { ref, bytes } = lead.snapshot({ content: new Uint8Array() }); void (ref.length + bytes)`,
  'a drop': `lead.drop({ to: 'b', id: 'i', reason: 'r' })`,
  'an event of one’s own': `lead.log('plan.revised', { steps: 4 }); lead.log('plain')`,
  'an event of a kind that is known when it runs': `const kind: string = String(process.argv[2]); lead.log(kind, {})`,
  'an interface as the fields of an event': `interface Plan { steps: number }; const plan: Plan = { steps: 4 }; lead.log('plan', plan)`,
  'a spawn': `const coder = lead.spawn({ agentId: 'c', name: 'C', role: 'r', model: 'm', pid: 1 }); coder.end({ status: 'ok' })`,
  'an end with an error': `lead.end({ error: new Error('e') })`,
  'a run': `const n: number = lead.run(() => 1); const p: Promise<string> = lead.run(async () => 's'); void [n, p]`,
  'an environment': `const env: NodeJS.ProcessEnv = { ...process.env, ...lead.env() }; void env`,
  'a message of the hive': `hive.message({ from: 'human', to: 'lead', act: 'request', subject: 's' })`,
  'the plug-in': `new HiveSpanProcessor({ exporter: new JsonlSpanExporter({ file: 'f', fsync: 'always' }) })`,
  'options in full': `startHive({ file: 'f', serviceName: 's', sessionId: 'i', otlp: { url: 'u', headers: { a: 'b' } }, fsync: 'no', rotate: { maxBytes: 1 }, redact: { keys: ['k'], patterns: [/x/] } })`,
  'no file': 'startHive({ file: false, otlp: true })',
  'narrowing an event': `declare const event: HiveEvent; if (isKind(event, 'message')) { const to: string = event.to; void to }`,
}

const WRONG = {
  'a message without `to`': `lead.message({ act: 'request', subject: 's' })`,
  'a message without `act`': `lead.message({ to: 'b', subject: 's' })`,
  'a message without `subject`': `lead.message({ to: 'b', act: 'request' })`,
  'a message of nothing': 'lead.message()',
  'a message with a field that there is not': `lead.message({ to: 'b', act: 'request', subject: 's', body: 'x' })`,
  'a message with `undefined` for an id': `lead.message({ to: 'b', act: 'request', subject: 's', id: undefined })`,
  'a message with a list of receivers': `lead.message({ to: ['b'], act: 'request', subject: 's' })`,
  'a drain of nothing': 'lead.drain()',
  'a drain of text': `lead.drain('id')`,
  'an escalation without a subject': 'lead.escalate({})',
  'an approval without a decision': `hive.approve('id')`,
  'an approval by word': `hive.approve('id', 'yes')`,
  'usage without tokens': `lead.usage({ model: 'm' })`,
  'a tool without `ok`': `lead.tool({ name: 't' })`,
  'a tool of another agent': `lead.tool({ agentId: 'x', name: 't', ok: true })`,
  'a call without a host': `lead.call({ method: 'GET' })`,
  'a wait without a time': `lead.wait({ resource: 'r' })`,
  'a snapshot without content': `lead.snapshot({ label: 'l' })`,
  'a drop without a reason': `lead.drop({ to: 'b', id: 'i' })`,
  'an event of a known kind': `lead.log('message')`,
  'an event of a journal’s kind': `lead.log('log.x')`,
  'an event of the hive of a known kind': `hive.log('approval')`,
  'an event of the hive of a journal’s kind': `hive.log('log.open', {})`,
  'fields that are no object': `lead.log('plan', 4)`,
  'a spawn without an id': `lead.spawn({ name: 'C' })`,
  'an end with a status that there is not': `lead.end({ status: 'fine' })`,
  'an agent that is made by hand': 'new Agent()',
  'a message of the hive without a sender': `hive.message({ to: 'lead', act: 'request', subject: 's' })`,
  'the plug-in without an exporter': 'new HiveSpanProcessor({})',
  'an exporter with an option that there is not': `new JsonlSpanExporter({ path: 'f' })`,
  'a policy that there is not': `startHive({ fsync: 'sometimes' })`,
  'the journal’s test hooks': `startHive({ calls: {} })`,
  'a field of an event before it is narrowed': `declare const event: HiveEvent; const to: string = event.to; void to`,
}

const root = packageRoot()
const folder = join(root, `.build-types-${process.pid}`)
let complaints: Map<string, string>

/** Compiles all calls in one go, a file each. */
before(() => {
  mkdirSync(folder)
  try {
    const calls = { ...RIGHT, ...WRONG }
    const names = ['Agent', 'HiveEvent', 'Hive'].map((name) => `type ${name}`)
    const values = ['HiveSpanProcessor', 'isKind', 'JsonlSpanExporter', 'startHive']
    const head = `import { ${[...names, ...values].join(', ')} } from '../src/index.js'
declare const hive: Hive
declare const lead: Agent
export type Used = [HiveEvent, typeof HiveSpanProcessor, typeof isKind, typeof JsonlSpanExporter, typeof startHive]
export async function call(): Promise<void> {
`
    Object.values(calls).forEach((code, i) => {
      // `declare` is not allowed in a function.
      const declared = /^declare const \w+: \w+; /.exec(code)?.[0] ?? ''
      writeFileSync(
        join(folder, `call-${i}.ts`),
        `${declared}\n${head}${code.slice(declared.length)}\n}\nvoid [hive, lead]\n`,
      )
    })
    const config = {
      extends: '../tsconfig.json',
      compilerOptions: { noEmit: true, rootDir: '..' },
      include: ['*.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const run = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(run.stderr, '')
    complaints = new Map(
      Object.keys(calls).map((what, i) => [what, complaintsOf(run.stdout, `call-${i}.ts`)]),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

function complaintsOf(output: string, file: string): string {
  const lines = output.split('\n').filter((line) => line.startsWith(`${file}(`))
  return lines.join('\n')
}

for (const [what, code] of Object.entries(RIGHT)) {
  test(`${what} compiles`, () => {
    assert.equal(complaints.get(what), '', code)
  })
}

for (const [what, code] of Object.entries(WRONG)) {
  test(`${what} does not compile`, () => {
    assert.match(complaints.get(what) ?? '', /: error TS\d+: /, code)
  })
}
