/** What the options of an export may be. */
import {
  callable,
  flag,
  group,
  having,
  httpUrl,
  number,
  type Rule,
  type RulesOf,
  recordOf,
  secret,
  text,
} from '../format/options.js'
import { otlpRule } from '../otel/options.js'
import type { ExportOptions } from './export-log.js'
import type { RebuildOptions } from './rebuild-spans.js'
import type { QueryOptions } from './stored-spans.js'

const time: Rule = number('milliseconds since 1970', { endless: true })
const seq: Rule = number('', { from: 0, whole: true, endless: true })

export const REBUILD_RULES: RulesOf<RebuildOptions> = {
  serviceName: text,
  session: text,
  trace: {
    allowed: '32 hex digits',
    fits: (value) => typeof value === 'string' && /^[0-9a-f]{32}$/i.test(value),
  },
  thisFile: flag,
  since: time,
  until: time,
  from: seq,
  to: seq,
  maxEventsPerSpan: number('events', { from: 1, endless: true }),
  onProgress: callable,
}

export const EXPORT_RULES: RulesOf<ExportOptions> = {
  ...REBUILD_RULES,
  otlp: otlpRule,
  exporter: having('a span exporter', 'export', 'shutdown'),
  missingIn: group<QueryOptions>({
    url: httpUrl,
    headers: secret(recordOf('texts by name', { allowed: '', fits: (value) => typeof value === 'string' })),
  }),
}
