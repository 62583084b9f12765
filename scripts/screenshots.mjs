// The pictures of docs/jaeger.md: opens a Jaeger that holds a run of examples/review-hive in a real browser, and
// photographs what the page says of it. By hand, not in CI: it needs a browser and a Jaeger with its UI.
//
//   cd an/empty/folder && npm install playwright-core
//   node …/scripts/screenshots.mjs URL OUT [BROWSER]     http://localhost:16686 docs/img /usr/bin/chromium
//
// Each picture asserts what it is to show, so a page that has changed ends it with exit code 1.
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { spansIn, tracesOfService } from './lib/jaeger.mjs'

const [url, out, executablePath = '/usr/bin/chromium'] = process.argv.slice(2)
if (out === undefined) {
  console.error('usage: node screenshots.mjs URL OUT [BROWSER]')
  process.exit(2)
}
// Installed where this is started, not in this repository.
const { chromium } = createRequire(join(resolve(), 'package.json'))('playwright-core')

const SERVICE = 'review-hive'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
]

mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath, args })
const context = await browser.newContext({ viewport: { width: 1200, height: 700 }, timezoneId: 'UTC' })
context.setDefaultTimeout(20_000)
const page = await context.newPage()
const faults = []
page.on('pageerror', (error) => faults.push(String(error)))

async function shot(name) {
  await page.waitForTimeout(500)
  // Under "Process" stands what is known of the machine, which is not for a document.
  for (const header of await page.locator('.AccordianKeyValues--header', { hasText: /^\s*Process/ }).all()) {
    await header.locator('ul').evaluate((list) => list.style.setProperty('visibility', 'hidden'))
  }
  await page.screenshot({ path: join(out, `${name}.png`) })
  console.log(`${name}.png`)
}

/** Scrolls an element of the page to its middle. */
const center = (node) => node.scrollIntoView({ block: 'center' })

/** The row of the first span whose operation begins so. */
const row = (operation) => page.locator('.span-name', { hasText: operation }).first()

try {
  const found = await tracesOfService(url, SERVICE, { ms: 7 * 86_400_000, limit: 1 })
  const spans = spansIn(found)
  const traceID = spans[0]?.traceId
  if (traceID === undefined) throw new Error(`no trace of ${SERVICE} at ${url}`)
  const holds = (kind) => (span) => (span.events ?? []).some(({ name }) => name === kind)
  const asker = spans.find(holds('hive.escalate'))
  if (asker === undefined) throw new Error('nobody escalated in that trace')

  const tags = encodeURIComponent('{"event":"hive.escalate"}')
  await page.goto(`${url}/search?service=${SERVICE}&lookback=2d&limit=20&tags=${tags}`)
  await page.getByText('invoke_agent Lead').first().waitFor()
  await shot('search')

  await page.goto(`${url}/trace/${traceID}`)
  await row('invoke_agent Lead').waitFor()
  await shot('trace')

  // A search inside a trace folds away the rest; it opens the span that it finds, and the events of it.
  await page.goto(`${url}/trace/${traceID}?uiFind=${asker.spanId}`)
  await page.setViewportSize({ width: 1200, height: 900 })
  const detail = page.locator('.detail-row').first()
  await detail.waitFor()
  await detail.locator('.AccordianKeyValues--header', { hasText: 'Tags' }).first().click()
  await detail.getByText('gen_ai.agent.id').last().waitFor()
  await detail.scrollIntoViewIfNeeded()
  await shot('agent')

  // The link at the agent's id, and what it shows.
  await detail.locator('a[href*="#command="]').first().click()
  await page.locator('dialog input').waitFor()
  const command = await page.locator('dialog input').inputValue()
  if (!command.startsWith(`hivelog cat --trace=${traceID} --agent=`))
    throw new Error(`the link shows ${command}`)
  await shot('command')
  await page.keyboard.press('Escape')

  // Escalation and approval among its events.
  await detail.locator('.AccordianKeyValues--header', { hasText: 'Tags' }).first().click()
  await detail.getByText('show more...').click()
  const event = (kind) =>
    detail.locator('.AccordianLogs .AccordianKeyValues--header', { hasText: kind }).first()
  // The later first: an open event no longer shows its name in its heading.
  await event('hive.approval').click()
  await event('hive.escalate').click()
  await detail.locator('td', { hasText: 'hive.escalate' }).first().evaluate(center)
  await shot('escalation')
  await detail.locator('.AccordianLogs--header').click()

  // From its drains to the agents whose messages they took.
  await detail.locator('.AccordianReferences--header').first().click()
  await detail.locator('.ReferencesList--Item').first().waitFor()
  await detail.evaluate(center)
  await shot('links')
  if (faults.length > 0) throw new Error(faults.join('\n'))
} catch (error) {
  console.error(`screenshots: ${error.message}`)
  await page.screenshot({ path: join(out, 'failed.png') })
  process.exitCode = 1
} finally {
  await browser.close()
}
