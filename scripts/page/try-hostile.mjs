// Logs that want to be markup, scripts, terminals or another direction of writing are text.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPage } from './browser.mjs'
import { serve } from './programs.mjs'

const ATTACKS = [
  '<script>globalThis.wasRun = 1</script>',
  '<img src=x onerror="globalThis.wasRun=1">',
  '"><svg onload=globalThis.wasRun=1>',
  'javascript:globalThis.wasRun=1//\'"`',
  '</script><script>globalThis.wasRun=1</script>',
  '{{constructor.constructor("globalThis.wasRun=1")()}}',
  '\u001b[2J\u001b]0;owned\u0007',
  'abc\u202Efdp.exe\u2066x\u2069',
  `${'w'.repeat(8_192)}`,
  '__proto__',
  '../../etc/passwd',
  '=HYPERLINK("http://evil.example")',
]
const VIEWS = ['floor', 'feed', 'lanes', 'desk', 'cost', 'calls', 'waits', 'checks', 'agent']

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'hostile.jsonl')
  writeFileSync(file, hostileLog())
  const server = await serve([file])
  const { logs } = await server.get('/api/logs')
  const { id } = logs[0]
  const { page, wrong } = await openPage(browser, server.home)
  const foreign = []
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url())
  })
  await page.getByRole('region', { name: 'Floor' }).waitFor()
  for (const view of VIEWS) {
    await attempt(`${view} shows it as text`, async () => {
      const agent = view === 'agent' ? `&agent=${encodeURIComponent(ATTACKS[0])}` : ''
      await page.goto(`${server.url}/#log=${id}&view=${view}${agent}`)
      await page.waitForFunction(() => document.querySelector('main section') !== null)
      await page.waitForTimeout(400)
      const found = await page.evaluate(() => ({
        wasRun: globalThis.wasRun,
        // Every element that only an attack would have made.
        made: document.querySelectorAll(
          'main img, main script, main iframe, [onerror], [onload], main a[href^="javascript"]',
        ).length,
        wide: document.documentElement.scrollWidth <= innerWidth,
        text: document.querySelector('main').textContent,
      }))
      assert.equal(found.wasRun, undefined)
      assert.equal(found.made, 0)
      assert.ok(found.wide, 'nothing makes the page wider')
      // Controls and turns of direction are seen, not obeyed.
      for (const obeyed of ['\u001b', '\u202e', '\u2066']) assert.ok(!found.text.includes(obeyed))
    })
  }
  await attempt('the words are there to be read', async () => {
    await page.goto(`${server.url}/#log=${id}&view=desk`)
    for (const attack of ATTACKS.slice(0, 6)) await page.getByText(attack, { exact: false }).first().waitFor()
    await page.getByText('\\u202efdp.exe', { exact: false }).first().waitFor()
  })
  await attempt('an event of it in full is text', async () => {
    await page.goto(`${server.url}/#log=${id}&view=feed&event=2`)
    await page.getByRole('complementary', { name: 'Event' }).getByText('<script>').first().waitFor()
    assert.equal(await page.evaluate(() => globalThis.wasRun), undefined)
  })
  await attempt('an address that is an attack is no more than a filter', async () => {
    await page.goto(
      `${server.url}/#log=${id}&view=feed&text=${encodeURIComponent(ATTACKS[1])}&kind=${encodeURIComponent(ATTACKS[0])}`,
    )
    await page.getByRole('button', { name: ATTACKS[0] }).waitFor()
    assert.equal(await page.evaluate(() => globalThis.wasRun), undefined)
  })
  await attempt('nothing was asked of another host, and the policy stopped nothing', () => {
    assert.deepEqual(foreign, [])
    assert.deepEqual(wrong, [])
  })
  await attempt('the policy lets nothing in from elsewhere, and nothing inline', async () => {
    const response = await fetch(`${server.url}/`)
    const policy = response.headers.get('content-security-policy')
    assert.ok(policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'"))
    assert.ok(!policy.includes('unsafe'))
    const html = await response.text()
    assert.ok(!/<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=/.test(html), 'the document has nothing inline')
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'globalThis.wasInjected = 1'
      document.head.append(script)
      return globalThis.wasInjected
    })
    assert.equal(ran, undefined, 'an inline script is refused')
  })
  await attempt(
    'assets: what is not there is 404, whatever it is called; they are kept for ever, the document is not',
    async () => {
      for (const name of ['none.js', '..%2f..%2fpackage.json', '%2e%2e/index.html', 'page.js%00.css']) {
        const { status } = await fetch(`${server.url}/assets/${name}`)
        assert.ok(status === 404 || status === 400, `${name}: ${status}`)
      }
      const html = await (await fetch(`${server.url}/`)).text()
      const asset = /\/assets\/[^"]+/.exec(html)[0]
      assert.match((await fetch(server.url + asset)).headers.get('cache-control'), /immutable/)
      assert.equal((await fetch(`${server.url}/`)).headers.get('cache-control'), 'no-cache')
    },
  )
  await page.context().close()
}

function hostileLog() {
  const ts = Date.now() - 60_000
  const events = ATTACKS.flatMap((text, i) => [
    {
      kind: 'spawn',
      agentId: text,
      name: text,
      isGod: i === 0,
      role: text,
      model: text,
      ...(i > 0 && { parent: ATTACKS[i - 1] }),
    },
    {
      kind: 'message',
      from: text,
      to: ATTACKS[(i + 1) % ATTACKS.length],
      act: text,
      subject: text,
      id: `m${i}`,
    },
    { kind: 'escalate', from: text, to: 'human', subject: text, id: `e${i}-${text}` },
    { kind: 'tool', agentId: text, name: text, ok: false, ms: 4, error: text },
    { kind: 'call', agentId: text, host: text, path: text, method: text, status: 500, ms: 3 },
    { kind: 'usage', agentId: text, model: text, inputTokens: 5, outputTokens: 1, task: text },
    { kind: 'wait', agentId: text, resource: text, ms: 5, holder: text },
    { kind: 'drop', from: text, to: text, id: `m${i}`, reason: text },
    { kind: 'x.other', agentId: text, [text]: text },
  ])
  return events
    .map(
      ({ kind, ...rest }, i) =>
        `${JSON.stringify({ ts: ts + i, kind, ...rest, seq: i + 1, session: 's' })}\n`,
    )
    .join('')
}
