/** What is said at a shutdown that takes too long, or fails, is true: it names who did not end, and no one else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { captureDiag, eventsOf, tempHive, tempReceiver } from '../kit/hive-support.js'

const never = (): Promise<never> => new Promise(() => {})

class HangingProcessor implements SpanProcessor {
  onStart(): void {}
  onEnd(): void {}
  forceFlush = async (): Promise<void> => {}
  shutdown(): Promise<void> {
    return never()
  }
}

class FailingProcessor extends HangingProcessor {
  override shutdown(): Promise<void> {
    return Promise.reject(new Error('no room'))
  }
}

class ThrowingProcessor extends HangingProcessor {
  override shutdown(): Promise<void> {
    throw new Error('not now')
  }
}

test('a processor of the application’s that hangs is named, and no backend is where there is none', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t, {
    otlp: false,
    spanProcessors: [new HangingProcessor()],
    shutdownTimeoutMs: 20,
  })
  hive.spawn({ agentId: 'a' })
  await hive.shutdown()
  assert.deepEqual(said, [
    'hivelog: the span processor HangingProcessor (spanProcessors[0]) did not end within 20 ms, and is not waited for any longer',
  ])
  assert.equal(eventsOf(file).at(-1)?.kind, 'exit')
})

test('an exporter of the application’s that hangs makes its processor late', async (t) => {
  const said = captureDiag(t)
  const exporter = {
    export: (_: unknown, done: (r: { code: number }) => void) => done({ code: 0 }),
    shutdown: never,
  }
  const { hive } = tempHive(t, {
    otlp: false,
    spanProcessors: [new BatchSpanProcessor(exporter)],
    shutdownTimeoutMs: 20,
  })
  await hive.shutdown()
  assert.equal(said.length, 1)
  assert.match(
    said[0] as string,
    /the span processor BatchSpanProcessor \(spanProcessors\[0\]\) did not end within 20 ms/,
  )
})

test('without any exporter nothing of the kind is said, however long the file takes', async (t) => {
  const said = captureDiag(t)
  const { hive } = tempHive(t, { otlp: false, shutdownTimeoutMs: 1, fsync: 'always' })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 8; i++) agent.snapshot({ content: Buffer.alloc(2_000_000, i) })
  await hive.shutdown()
  assert.deepEqual(said, [])
})

test('a backend that does not answer is named, without what its URL hides, and the processor beside is not', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t, 'hang')
  let ended = 0
  const fine = new (class extends HangingProcessor {
    override async shutdown(): Promise<void> {
      ended++
    }
  })()
  const { hive } = tempHive(t, {
    otlp: { url: `${receiver.url}?api_key=a1B2c3D4e5F6g7H8` },
    spanProcessors: [fine],
    shutdownTimeoutMs: 50,
  })
  hive.spawn({ agentId: 'a' })
  await hive.shutdown()
  assert.equal(ended, 1)
  assert.equal(said.length, 1, said.join('\n'))
  assert.match(
    said[0] as string,
    /^hivelog: the trace backend at http:\/\/127\.0\.0\.1:\d+\/v1\/traces\?api_key=\[redacted/,
  )
  assert.match(said[0] as string, /did not answer within 50 ms; the last spans are not sent$/)
})

test('one that fails, or throws, is named too, and keeps no other from ending', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, {
    otlp: { url: receiver.url },
    spanProcessors: [new ThrowingProcessor(), new FailingProcessor(), new HangingProcessor()],
    shutdownTimeoutMs: 500,
  })
  hive.spawn({ agentId: 'a' }).log('note')
  await hive.shutdown()
  assert.deepEqual(
    said.map((line) => line.replace(/^hivelog: the span processor /, '')),
    [
      'ThrowingProcessor (spanProcessors[0]) did not end well: not now',
      'FailingProcessor (spanProcessors[1]) did not end well: no room',
      'HangingProcessor (spanProcessors[2]) did not end within 500 ms, and is not waited for any longer',
    ],
  )
  assert.equal(receiver.named('invoke_agent a').length, 1, 'the backend got the last spans')
})

test('a processor of the application’s hears all that it would in a provider of its own', async (t) => {
  const heard: string[] = []
  class Hearing {
    #name = 'private fields work'
    onStart(span: Span): void {
      heard.push(`start ${span.name} ${this.#name.length}`)
    }
    onEnding(span: Span): void {
      span.setAttribute('set.while', 'ending')
      heard.push(`ending ${span.name}`)
    }
    onEnd(span: ReadableSpan): void {
      heard.push(`end ${span.name} ${span.attributes['set.while']}`)
    }
    async forceFlush(): Promise<void> {
      heard.push('flush')
    }
    async shutdown(): Promise<void> {
      heard.push('shutdown')
    }
  }
  const { hive } = tempHive(t, { otlp: false, spanProcessors: [new Hearing()] })
  hive.tracerProvider.getTracer('lib').startSpan('lib').end()
  await (hive.tracerProvider as unknown as { forceFlush(): Promise<void> }).forceFlush()
  await hive.shutdown()
  assert.deepEqual(heard, ['start lib 19', 'ending lib', 'end lib ending', 'flush', 'shutdown'])
})
