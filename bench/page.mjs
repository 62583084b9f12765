// How fast the page is, in a real Chromium: prints what it takes, what it is meant to take, and OK or MISS. Needs
// npm run build.
//   node bench/page.mjs [--quick] [--runs N]
// --quick: a tenth of the events. Nothing here is a test: a busy machine is slower, so how busy it was is said too, and
// what the page's own thread computed. Ends by itself, at the latest after MOST_MS.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBrowser, openPage } from '../scripts/page/browser.mjs'
import { serve, stopAll } from '../scripts/page/programs.mjs'

const isQuick = process.argv.includes('--quick')
const EVENTS = isQuick ? 100_000 : 1_000_000
const AGENTS = 1_000
const RUNS = Number(process.argv[process.argv.indexOf('--runs') + 1]) || 5
const BURST_S = isQuick ? 10 : 60
const MOST_MS = 15 * 60_000
/** More than that grown is not flat, in MiB: the feed keeps some thousand rows. */
const FLAT_MIB = 16

setTimeout(() => {
  console.error(`not done after ${MOST_MS / 60_000} minutes`)
  stopAll().finally(() => process.exit(1))
}, MOST_MS).unref()
const [busy] = loadavg()
console.log(`load ${busy.toFixed(1)} on ${cpus().length} cores when it begins`)

const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), 'hivelog-bench-page-'))
const browser = await openBrowser()
try {
  const file = join(folder, 'large.jsonl')
  writeLog(file)
  const server = await serve([file])
  const { logs } = await server.get('/api/logs')
  const { id } = logs[0]
  // The index stands from here on.
  const begun = performance.now()
  await server.get(`/api/logs/${id}/floor?at=${EVENTS}`)
  say('reading the log for the first time', performance.now() - begun, 'ms')
  const { page } = await openPage(browser, server.home)
  await page.locator('[data-agent]').first().waitFor()

  const firsts = []
  for (let i = 0; i < RUNS; i++) {
    await page.goto('about:blank')
    const at = performance.now()
    await page.goto(`${server.url}/#log=${id}`)
    await page.waitForFunction((count) => document.querySelectorAll('[data-agent]').length >= count, AGENTS)
    firsts.push(performance.now() - at)
  }
  say(
    `first screen, ${AGENTS} agents, ${EVENTS} events, median of ${RUNS}`,
    quantile(firsts, 0.5),
    'ms',
    1_000,
  )

  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const computed = async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    const took = Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1_000]))
    return took.ScriptDuration + took.LayoutDuration + took.RecalcStyleDuration
  }
  const computedBefore = await computed()
  const moves = await page.evaluate(async (count) => {
    const slider = document.querySelector('input[aria-label=Position]')
    const took = []
    performance.setResourceTimingBufferSize(2_000)
    for (let i = 0; i < 100; i++) {
      const to = String(1 + Math.floor(Math.random() * (count - 1)))
      const at = performance.now()
      slider.value = to
      slider.dispatchEvent(new Event('input', { bubbles: true }))
      while (document.querySelector('[data-at]')?.dataset.at !== to) await new Promise(requestAnimationFrame)
      took.push(performance.now() - at)
      await new Promise((done) => setTimeout(done, 30))
    }
    return took
  }, EVENTS)
  say('slider to another floor, p50', quantile(moves, 0.5), 'ms')
  say('slider to another floor, p95', quantile(moves, 0.95), 'ms', 50)
  say(
    '  script, style and layout of a move, as the thread computed',
    ((await computed()) - computedBefore) / moves.length,
    'ms',
  )
  const waits = await page.evaluate((count) => {
    const asked = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/floor'))
    return asked.slice(-count).map(({ startTime, responseEnd }) => responseEnd - startTime)
  }, moves.length)
  say('  of it the server and the way, p50', quantile(waits, 0.5), 'ms')

  await page.goto(`${server.url}/#log=${id}&view=feed&seq=${Math.floor(EVENTS / 2)}`)
  await page.getByRole('listbox', { name: 'Events' }).waitFor()
  const frames = await page.evaluate(async () => {
    const list = document.querySelector('.virtual')
    const took = []
    // When a frame began, by the browser: one that was missed makes the next one twice as long.
    let before = await new Promise(requestAnimationFrame)
    for (let i = 0; i < 600; i++) {
      list.scrollTop += 90
      const now = await new Promise(requestAnimationFrame)
      took.push(now - before)
      before = now
    }
    return took
  })
  say('a frame while the feed scrolls, p50', quantile(frames, 0.5), 'ms')
  say('a frame while the feed scrolls, p95', quantile(frames, 0.95), 'ms', 17)
  await page.context().close()
  await stopAll()
  await live()
} finally {
  await stopAll()
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}

/** From the recording call in another process to the page, and a flood. */
async function live() {
  const file = join(folder, 'live.jsonl')
  const program = `
    import { startHive } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
    const hive = startHive({ file: ${JSON.stringify(file)} })
    const a = hive.spawn({ agentId: 'a', name: 'A' })
    process.on('message', ({ one, many, seconds }) => {
      if (one !== undefined) a.log('bench.mark', { at: Date.now(), one })
      if (many === undefined) return
      const end = Date.now() + seconds * 1000
      const beat = setInterval(() => {
        for (let i = 0; i < many / 50; i++) a.message({ to: 'b', act: 'inform', subject: 'message ' + i })
        if (Date.now() > end) { clearInterval(beat); process.send('done') }
      }, 20)
    })
    process.send('ready')`
  const hive = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const next = () => new Promise((done) => hive.once('message', done))
  await next()
  while (!existsSync(file)) await new Promise((done) => setTimeout(done, 50))
  const server = await serve([file])
  const { page } = await openPage(browser, server.home)
  await page.locator('[data-agent=a]').waitFor()
  const delays = []
  for (let one = 0; one < 40; one++) {
    const seen = page.evaluate(
      (wanted) =>
        new Promise((done) => {
          const look = () => {
            const row = [...document.querySelectorAll('.row-text')].find(({ textContent }) =>
              new RegExp(`one="?${wanted}\\b`).test(textContent),
            )
            const at = row && /at=(\d+)/.exec(row.textContent)?.[1]
            if (at) done(Date.now() - Number(at))
            else requestAnimationFrame(look)
          }
          look()
        }),
      `${one}`,
    )
    hive.send({ one: `${one}` })
    delays.push(await seen)
    await new Promise((done) => setTimeout(done, 60))
  }
  say('recorded elsewhere to on the page, p50', quantile(delays, 0.5), 'ms')
  say('recorded elsewhere to on the page, p95', quantile(delays, 0.95), 'ms', 150)
  const session = await page.context().newCDPSession(page)
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage')
    return (await session.send('Runtime.getHeapUsage')).usedSize / 1_048_576
  }
  await page.evaluate(() => {
    globalThis.tasks = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.tasks.push(duration)
    }).observe({ entryTypes: ['longtask'] })
  })
  const before = await heap()
  const done = next()
  hive.send({ many: 5_000, seconds: BURST_S })
  await done
  await page.waitForTimeout(1_500)
  const tasks = await page.evaluate(() => globalThis.tasks)
  say(`5,000 events a second for ${BURST_S} s: longest task`, Math.max(0, ...tasks), 'ms', 100)
  say('  tasks over 100 ms', tasks.filter((ms) => ms > 100).length, '', 0)
  const after = await heap()
  say('  memory before', before, 'MiB')
  say('  memory after', after, 'MiB', before + FLAT_MIB)
  hive.kill()
}

function writeLog(file) {
  const out = openSync(file, 'w')
  let text = ''
  const ts = 1_790_000_000_000
  for (let seq = 1; seq <= EVENTS; seq++) {
    const agent = `agent-${seq % AGENTS}`
    const event =
      seq <= AGENTS
        ? {
            kind: 'spawn',
            agentId: `agent-${seq - 1}`,
            name: `Agent ${seq - 1}`,
            isGod: seq === 1,
            ...(seq > 1 && { parent: `agent-${Math.floor((seq - 2) / 30)}` }),
          }
        : seq % 3 === 0
          ? { kind: 'drain', agentId: agent, count: 1 }
          : seq % 7 === 0
            ? {
                kind: 'usage',
                agentId: agent,
                model: 'claude-haiku-4-5',
                inputTokens: 900,
                outputTokens: 80,
                ms: 300,
              }
            : {
                kind: 'message',
                from: agent,
                to: `agent-${(seq * 7) % AGENTS}`,
                act: 'inform',
                subject: `What ${agent} found, ${seq}`,
                id: `m${seq}`,
              }
    text += `${JSON.stringify({ ts: ts + seq * 5, ...event, seq, session: 's' })}\n`
    if (text.length > 4_000_000) {
      writeSync(out, text)
      text = ''
    }
  }
  writeSync(out, text)
  closeSync(out)
}

function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}

function say(what, value, unit, target) {
  const meant = target === undefined ? '' : `  (target ${Math.round(target)} ${unit})`
  const verdict = target === undefined ? '' : value <= target ? '  OK' : '  MISS'
  console.log(`${what.padEnd(64)} ${value.toFixed(1).padStart(9)} ${unit}${meant}${verdict}`)
}
