/**
 * Hives that send their lines as they come: HIVES hives of one process, each with a log and a session of its own.
 * Usage: node record-lines.js FOLDER HIVES EVENTS URL PACE, where EVENTS are those of each hive, and PACE is how many
 * milliseconds they are spread over. Prints one line of JSON at its end.
 */
import { join } from 'node:path'
import { startHive } from '../../../src/index.js'

const [folder, hives, events, url, pace] = process.argv.slice(2) as [string, string, string, string, string]
const count = Number(events)
const started = Array.from({ length: Number(hives) }, (_, i) => {
  const hive = startHive({
    file: join(folder, `hive-${i}.jsonl`),
    sessionId: `session-${i}`,
    rotate: { maxBytes: 8 * 1024 * 1024, gzip: true },
    otlpLogs: { url },
    otlp: false,
    shutdownTimeoutMs: 600_000,
  })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  return { hive, lead, coder: lead.spawn({ agentId: 'coder', name: 'Coder', model: 'm' }) }
})

const begun = Date.now()
for (let i = 0; i < count; i++) {
  for (const { hive, lead, coder } of started) {
    if (i % 1000 === 500) {
      const { id } = coder.escalate({ subject: `May I, at step ${i}?` })
      void hive.approve(id, i % 3 > 0, { by: 'ana' })
    } else if (i % 10 === 5)
      coder.usage({ model: 'm', inputTokens: 100 + i, outputTokens: i % 900, ms: i % 5000 })
    else if (i % 10 === 7) coder.tool({ name: 'grep', ok: i % 70 > 0, ms: i % 50 })
    else {
      const from = i % 2 === 0 ? lead : coder
      const to = i % 2 === 0 ? 'coder' : 'lead'
      from.message({ to, act: 'inform', subject: `step ${i}: grüße, "quotes" \\ and \t \u{1f41d}` })
    }
  }
  if (i % 50 === 49) {
    const due = begun + (Number(pace) * i) / count
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())))
  }
}
for (const { lead, coder } of started) {
  coder.snapshot({ label: 'at the end', content: 'state '.repeat(1000) })
  coder.end()
  lead.end()
}
const recorded = Date.now()
await Promise.all(started.map(({ hive }) => hive.shutdown()))
console.log(JSON.stringify({ recordMs: recorded - begun, shutdownMs: Date.now() - recorded }))
