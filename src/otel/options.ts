/** What the options of the exporter, the processor and the provider may be. */
import {
  anyOf,
  flag,
  group,
  having,
  httpUrl,
  listOf,
  number,
  type Rule,
  type RulesOf,
  recordOf,
  secret,
  text,
} from '../format/options.js'
import { JOURNAL_RULES } from '../journal/options.js'
import type { RecorderOptions } from '../record/log-recorder.js'
import { redactRule } from '../redact/options.js'
import type { HiveSpanProcessorOptions } from './hive-span-processor.js'
import type { OtlpOptions } from './otlp.js'
import type { ProviderOptions } from './provider.js'

const { session: _session, calls: _calls, ...journal } = JOURNAL_RULES

export const RECORDER_RULES: RulesOf<RecorderOptions> = {
  ...journal,
  sessionId: text,
  redact: redactRule,
  maxFieldBytes: number('bytes', { from: 0 }),
}

export const PROCESSOR_RULES: RulesOf<HiveSpanProcessorOptions> = {
  exporter: {
    allowed: 'a JsonlSpanExporter',
    fits: (value) => having('', 'export').fits(value) && 'recorder' in (value as object),
  },
}

const headers: Rule = secret(
  recordOf('texts by name', { allowed: '', fits: (value) => typeof value === 'string' }),
)

export const otlpRule: Rule = group<OtlpOptions>({ url: httpUrl, headers })

const attribute: Rule = {
  allowed: '',
  fits: (value) => ['string', 'number', 'boolean'].includes(typeof value),
}

export const PROVIDER_RULES: RulesOf<ProviderOptions> = {
  serviceName: text,
  resourceAttributes: recordOf('texts, numbers, true and false by name', attribute),
  otlp: anyOf(flag, otlpRule),
  sampler: having('a sampler', 'shouldSample'),
  spanProcessors: listOf('span processors', having('', 'onStart', 'onEnd')),
}
