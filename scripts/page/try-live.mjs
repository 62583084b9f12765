// What another process records is on the page at once; what the page cannot take does no harm.
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPage } from './browser.mjs'
import { CREW, serve, start, stop } from './programs.mjs'

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'live', 'hive.jsonl')
  const crew = await start([CREW, file, '--fast', '--wait'])
  const server = await serve([file])
  const { page, wrong } = await openPage(browser, server.home)
  const slider = page.getByRole('slider', { name: 'Position' })
  await slider.waitFor()

  await attempt('the token leaves the address', async () => {
    assert.ok(!page.url().includes('token'), page.url())
    const cookies = await page.context().cookies()
    const cookie = cookies.find(({ name }) => name === 'hivelog')
    assert.ok(cookie?.httpOnly, 'HttpOnly')
    assert.equal(cookie.sameSite, 'Strict')
  })
  await attempt('an exit that another process records is on floor, feed and slider', async () => {
    await page.getByRole('button', { name: 'Lead', exact: true }).waitFor()
    const before = Number(await slider.inputValue())
    await stop(crew.child)
    await page.waitForFunction(
      (from) => Number(document.querySelector('input[aria-label=Position]').value) > from,
      before,
      { timeout: 10_000 },
    )
    await page.locator('[data-card=lead].is-killed').waitFor({ timeout: 10_000 })
    await page
      .getByRole('region', { name: 'Feed' })
      .getByRole('option')
      .filter({ hasText: 'exit' })
      .first()
      .waitFor()
  })
  await attempt('who looks at the past stays there, and Live goes back', async () => {
    await page.getByRole('button', { name: 'One event back' }).click()
    const at = Number(await slider.inputValue())
    assert.equal(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed'), 'false')
    await page.waitForFunction(() => location.hash.includes('seq='))
    await page.getByRole('button', { name: 'Live' }).click()
    assert.ok(Number(await slider.inputValue()) > at)
    await page.waitForFunction(() => !location.hash.includes('seq='))
  })
  await attempt('an address leads to its place', async () => {
    const { logs } = await server.get('/api/logs')
    await page.goto(`${server.url}/#log=${logs[0].id}&seq=20&view=feed`)
    await page.waitForFunction(() => document.querySelector('input[aria-label=Position]')?.value === '20')
    await page.locator('.row.active').filter({ hasText: '20' }).waitFor()
  })
  await attempt('Play goes on by itself, and ends at the end', async () => {
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('100')
    await page.getByRole('button', { name: 'Play' }).click()
    await page.waitForFunction(
      () => {
        const { value, max } = document.querySelector('input[aria-label=Position]')
        return value === max
      },
      undefined,
      { timeout: 30_000 },
    )
    await page.getByRole('button', { name: 'Play' }).waitFor()
  })
  await attempt('a server that is gone is said, and nothing else goes wrong', async () => {
    await stop(server.child)
    await page.getByText('The server does not answer').waitFor({ timeout: 15_000 })
    // A browser tells of every request that nobody answers.
    const others = wrong.filter((text) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(text))
    assert.deepEqual(others, [])
  })
  await page.context().close()
  await burst({ browser, scratch, attempt })
  await screens({ browser, scratch, attempt })
}

const line = (seq, more = {}) =>
  `${JSON.stringify({ ts: 1_790_000_000_000 + seq, kind: 'message', from: 'a', to: 'b', act: 'inform', subject: `number ${seq}`, id: `m${seq}`, ...more, seq, session: 's' })}\n`

/** Far more at once than a viewer takes: the page must come to the end of it, and go on. */
async function burst({ browser, scratch, attempt }) {
  const file = join(scratch, 'burst.jsonl')
  writeFileSync(file, line(1))
  const server = await serve([file])
  const { page, wrong } = await openPage(browser, server.home)
  await page.getByRole('slider', { name: 'Position' }).waitFor()
  await attempt('50,000 events at once: the page comes to the end of them', async () => {
    let text = ''
    for (let seq = 2; seq <= 50_000; seq++) text += line(seq)
    appendFileSync(file, text)
    await page.waitForFunction(
      () => document.querySelector('input[aria-label=Position]').value === '50000',
      undefined,
      {
        timeout: 30_000,
      },
    )
    appendFileSync(file, line(50_001, { subject: 'the very last' }))
    await page.getByRole('option').filter({ hasText: 'the very last' }).waitFor({ timeout: 10_000 })
    assert.deepEqual(wrong, [])
  })
  await attempt('a feed of 50,000 rows holds few', async () => {
    await page.keyboard.press('2')
    await page.getByRole('listbox', { name: 'Events' }).focus()
    await page.keyboard.press('Home')
    await page.getByRole('option').filter({ hasText: 'number 1"' }).waitFor()
    await page.keyboard.press('End')
    await page.getByRole('option').filter({ hasText: 'the very last' }).waitFor()
    assert.ok((await page.getByRole('option').count()) < 120)
  })
  await page.context().close()
}

/** No log, an empty one, a damaged one, a token that nobody knows. */
async function screens({ browser, scratch, attempt }) {
  const folder = join(scratch, 'screens')
  mkdirSync(folder)
  await attempt('a folder without logs says what to do, and a log that comes is there', async () => {
    const server = await serve([folder])
    const { page } = await openPage(browser, server.home)
    await page.getByText('The server knows no log yet').waitFor()
    writeFileSync(join(folder, 'hive.jsonl'), line(1))
    await page.getByRole('button', { name: 'hive.jsonl' }).click({ timeout: 15_000 })
    await page.getByRole('region', { name: 'Floor' }).waitFor()
    await page.context().close()
  })
  await attempt('a damaged log says how much of it, and shows the rest', async () => {
    const file = join(scratch, 'damaged.jsonl')
    writeFileSync(file, `${line(1)}{"ts":17900\n${line(2)}no json\n`)
    const server = await serve([file])
    const { page } = await openPage(browser, server.home)
    await page.getByText('2 lines of this log cannot be read').waitFor()
    await page.getByRole('button', { name: 'Checks' }).first().click()
    await page.getByText('malformed-line').first().waitFor()
    await page.context().close()
  })
  await attempt('without a token it asks for one, refuses a wrong one, takes the right one', async () => {
    const server = await serve([join(folder, 'hive.jsonl')])
    const { page } = await openPage(browser, server.url)
    await page.getByLabel('Token').fill('wrong')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByText('does not know this token').waitFor()
    await page.getByLabel('Token').fill(server.token)
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByRole('region', { name: 'Floor' }).waitFor()
    await page.context().close()
  })
  await attempt('a log that is not there says so', async () => {
    const server = await serve([join(folder, 'hive.jsonl')])
    const { page } = await openPage(browser, `${server.url}/#token=${server.token}`)
    await page.getByRole('region', { name: 'Floor' }).waitFor()
    await page.goto(`${server.url}/#log=0123456789abcdef`)
    await page.getByRole('heading', { name: 'This log is not here' }).waitFor()
    await page.context().close()
  })
}
