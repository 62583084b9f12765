/**
 * A request of log records in Protocol Buffers (OTLP 1.9, `opentelemetry/proto/logs/v1/logs.proto` and its imports),
 * written record by record into one buffer, which is used again: as objects the records of a request take ten times what
 * they are as bytes, and would all live until the last of them is there.
 */
import type { LogRecord } from './log-records.js'
import { BYTES, FEW, MANY, ProtobufWriter } from './protobuf-writer.js'

export class LogRequest {
  readonly #out = new ProtobufWriter()
  #resource: LogRecord['resource'] | undefined
  /** Where what is open at present begins. */
  #ofResource = 0
  #ofScope = 0

  add(record: LogRecord): void {
    if (record.resource !== this.#resource) {
      this.#endResource()
      this.#beginResource(record)
    }
    const out = this.#out
    out.tag(2, BYTES)
    const start = out.begin(FEW)
    out.time(1, record.hrTime)
    if (record.severityNumber !== undefined) out.number(2, record.severityNumber)
    out.tag(5, BYTES)
    out.value(record.body)
    out.attributes(6, record.attributes)
    const { spanContext, eventName } = record
    if (spanContext !== undefined) {
      out.fixed32(8, spanContext.traceFlags)
      out.hex(9, spanContext.traceId)
      out.hex(10, spanContext.spanId)
    }
    out.time(11, record.hrTimeObserved)
    if (eventName !== undefined) out.text(12, eventName)
    out.end(start, FEW)
  }

  /** The request. The next record begins another. @param take gives memory for it. Default: memory of its own */
  finish(take?: (length: number) => Uint8Array): Uint8Array {
    this.#endResource()
    return this.#out.finish(take)
  }

  #beginResource({ resource, instrumentationScope: { name, version } }: LogRecord): void {
    const out = this.#out
    this.#resource = resource
    out.tag(1, BYTES)
    this.#ofResource = out.begin(MANY)
    out.tag(1, BYTES)
    const attributes = out.begin(FEW)
    out.attributes(1, resource.attributes)
    out.end(attributes, FEW)
    out.tag(2, BYTES)
    this.#ofScope = out.begin(MANY)
    out.tag(1, BYTES)
    const scope = out.begin(FEW)
    out.text(1, name)
    if (version !== undefined) out.text(2, version)
    out.end(scope, FEW)
  }

  #endResource(): void {
    if (this.#resource === undefined) return
    this.#out.end(this.#ofScope, MANY)
    this.#out.end(this.#ofResource, MANY)
    this.#resource = undefined
  }
}
