// Every view by axe-core, light and dark, and everything by keys alone.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPage } from './browser.mjs'
import { CREW, serve, start } from './programs.mjs'

const AXE = readFileSync(
  fileURLToPath(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url)),
  'utf8',
)
const VIEWS = [
  'floor',
  'feed',
  'lanes',
  'desk',
  'cost',
  'calls',
  'waits',
  'checks',
  'compare',
  'logs',
  'agent',
]

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'access', 'hive.jsonl')
  await start([CREW, file, '--fast', '--wait'])
  const second = join(scratch, 'access', 'second.jsonl')
  await start([CREW, second, '--fast', '--wait'])
  const server = await serve([file, second])
  const { logs } = await server.get('/api/logs')
  const { id } = logs.find((each) => each.file === file)
  const { id: secondId } = logs.find((each) => each.file === second)
  for (const colorScheme of ['light', 'dark']) {
    // The page's own policy would keep axe out, and it is axe that asks here.
    const { page } = await openPage(browser, undefined, {
      colorScheme,
      bypassCSP: true,
      reducedMotion: 'reduce',
    })
    await page.goto(server.home)
    await page.getByRole('region', { name: 'Logs' }).waitFor()
    for (const view of VIEWS) {
      await attempt(`axe-core finds nothing: ${view}, ${colorScheme}`, async () => {
        const more =
          { agent: '&agent=planner&with=lead', compare: `&with=${secondId}`, feed: '&event=30' }[view] ?? ''
        await page.goto(`${server.url}/#log=${id}&seq=200&view=${view}${more}`)
        await page.waitForFunction(() => document.querySelector('main section') !== null)
        await page.waitForTimeout(400)
        await check(page)
      })
    }
    await attempt(`axe-core finds nothing: keys, ${colorScheme}`, async () => {
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keys' }).waitFor()
      await check(page)
      await page.keyboard.press('Escape')
    })
    await attempt(`axe-core finds nothing: the lanes as a table, ${colorScheme}`, async () => {
      await page.goto(`${server.url}/#log=${id}&seq=200&view=lanes`)
      await page.getByRole('button', { name: 'As a table' }).click()
      await page.getByRole('region', { name: 'What the lanes show' }).waitFor()
      await check(page)
    })
    await page.context().close()
  }
  await byKeys({ browser, attempt, server })
  await small({ browser, attempt, server, id })
}

async function check(page) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document))
  const said = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 2)
        .map(({ html, failureSummary }) => `${html.slice(0, 120)} ${failureSummary?.slice(0, 160)}`)
        .join('; ')}`,
  )
  assert.deepEqual(said, [])
}

async function byKeys({ browser, attempt, server }) {
  const { page, wrong } = await openPage(browser, server.home)
  await page.getByRole('region', { name: 'Logs' }).waitFor()
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    )
  /** Goes on with Tab until it is there. */
  const tabTo = async (name) => {
    for (let i = 0; i < 120; i++) {
      await page.keyboard.press('Tab')
      const here = await page.evaluate(() => {
        const element = document.activeElement
        const named = element?.getAttribute('aria-labelledby')
        const label =
          element?.getAttribute('aria-label') ?? (named && document.getElementById(named)?.textContent)
        return label ?? element?.textContent ?? ''
      })
      if (name.test(here)) return
    }
    throw new Error(`no Tab leads to ${name}; the last was ${await focused()}`)
  }
  await attempt('keys alone: choose a log', async () => {
    await tabTo(/^hive\.jsonl/)
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'Floor' }).waitFor()
  })
  await attempt('keys alone: views by their numbers', async () => {
    for (const [key, name] of [
      ['2', 'Feed'],
      ['3', 'Lanes'],
      ['4', 'Desk'],
      ['5', 'Cost'],
      ['6', 'Calls'],
      ['7', 'Waits'],
      ['8', 'Checks'],
      ['9', 'Compare'],
      ['0', 'Logs'],
      ['1', 'Floor'],
    ]) {
      await page.keyboard.press(key)
      await page.getByRole('region', { name, exact: true }).waitFor()
    }
  })
  await attempt('keys alone: an agent on the floor, its neighbour, and its story', async () => {
    await tabTo(/^Lead$/)
    await page.keyboard.press('ArrowDown')
    const below = await page.evaluate(() => document.activeElement?.dataset.agent)
    assert.ok(below !== undefined && below !== 'lead', `${below}`)
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'Agent', exact: true }).waitFor()
  })
  await attempt('keys alone: step, first, last, live', async () => {
    const value = () => page.getByRole('slider', { name: 'Position' }).inputValue()
    await page.keyboard.press('Home')
    assert.equal(await value(), '1')
    await page.keyboard.press('.')
    assert.equal(await value(), '2')
    await page.keyboard.press('Shift+>')
    assert.equal(await value(), '102')
    await page.keyboard.press(',')
    assert.equal(await value(), '101')
    await tabTo(/^Position$/)
    await page.keyboard.press('ArrowRight')
    assert.equal(await value(), '102')
    await page.keyboard.press('l')
    await page.waitForFunction(
      () => document.querySelector('.live-button')?.getAttribute('aria-pressed') === 'true',
    )
  })
  await attempt('keys alone: search, and the event in full', async () => {
    await page.keyboard.press('2')
    await tabTo(/^agent /)
    await page.keyboard.press('Enter')
    await page.keyboard.press('/')
    assert.equal(await focused(), 'Search')
    await page.keyboard.type('legacy-bot')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await page.getByRole('listbox', { name: 'Events that fit' }).waitFor()
    await tabTo(/^Events that fit$/)
    await page.keyboard.press('Home')
    await page.keyboard.press('Enter')
    await page.getByRole('complementary', { name: 'Event' }).getByText('legacy-bot').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('complementary', { name: 'Event' }).waitFor({ state: 'detached' })
  })
  await attempt('keys alone: zoom the lanes', async () => {
    await page.keyboard.press('3')
    await tabTo(/^Lanes of /)
    const before = await focused()
    await page.keyboard.press('+')
    await page.waitForFunction((was) => document.activeElement?.getAttribute('aria-label') !== was, before)
  })
  await attempt('keys alone: nothing went wrong', () => assert.deepEqual(wrong, []))
  await page.context().close()
}

/** A phone, and a window at 200 %. */
async function small({ browser, attempt, server, id }) {
  for (const [what, viewport] of [
    ['a phone', { width: 390, height: 780 }],
    ['200 %', { width: 680, height: 410 }],
  ]) {
    const { page } = await openPage(browser, server.home, { viewport })
    await page.getByRole('region', { name: 'Logs' }).waitFor()
    for (const view of ['floor', 'feed', 'desk', 'cost', 'checks', 'agent']) {
      await attempt(`${what}: ${view} needs no scrolling sideways`, async () => {
        await page.goto(`${server.url}/#log=${id}&view=${view}&agent=${view === 'agent' ? 'planner' : ''}`)
        await page.waitForFunction(() => document.querySelector('main section') !== null)
        await page.waitForTimeout(300)
        const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        assert.ok(wide <= has, `${wide} of ${has}`)
      })
    }
    await page.context().close()
  }
}
