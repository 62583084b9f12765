// A report is one file that shows the same, asks nobody, and says how much of the log it holds.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openPage } from './browser.mjs'
import { CLI, CREW, json } from './programs.mjs'

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'report', 'hive.jsonl')
  spawnSync(process.execPath, [CREW, file, '--fast'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const to = join(scratch, 'run.html')
  const said = json('report', '-o', to, file)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const snapshots = new Set(
    lines.flatMap((line) => {
      const { kind, ref } = JSON.parse(line)
      return kind === 'snapshot' ? [ref] : []
    }),
  )
  await attempt('it is for its owner only, and its size is what was said', () => {
    assert.equal(statSync(to).mode & 0o777, 0o600)
    assert.deepEqual(said, {
      file: to,
      bytes: statSync(to).size,
      events: lines.length,
      ofEvents: lines.length,
      floors: lines.length,
      contents: snapshots.size,
      leftOut: 0,
    })
  })
  await attempt('it does not write over a file unasked', () => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'report', '-o', to, file], {
      encoding: 'utf8',
    })
    assert.equal(status, 2)
    assert.match(stderr, /--force/)
  })
  const { page, wrong, context } = await openPage(browser, undefined)
  const asked = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(pathToFileURL(to).href)
  const floor = page.getByRole('region', { name: 'Floor' })
  await attempt('every view opens, offline', async () => {
    await floor.getByRole('button', { name: 'Lead', exact: true }).waitFor()
    for (const [key, name] of [
      ['2', 'Feed'],
      ['3', 'Lanes'],
      ['4', 'Desk'],
      ['5', 'Cost'],
      ['6', 'Calls'],
      ['7', 'Waits'],
      ['8', 'Checks'],
      ['1', 'Floor'],
    ]) {
      await page.keyboard.press(key)
      await page.getByRole('region', { name, exact: true }).waitFor()
    }
    await floor.getByRole('button', { name: 'Planner', exact: true }).click()
    await page.getByRole('region', { name: 'Agent', exact: true }).getByText('Talks with').waitFor()
  })
  await attempt('a snapshot shows its content', async () => {
    await page.getByRole('button', { name: /^plan 1/ }).click()
    await page.getByRole('region', { name: 'Content' }).getByText('migrate the users table').waitFor()
  })
  await attempt('the slider goes back in it', async () => {
    await page.keyboard.press('1')
    await page.keyboard.press('Home')
    await page.locator('[data-agent=lead]').waitFor({ state: 'detached' })
    await page.keyboard.press('.')
    await page.locator('[data-card=lead].is-alive').waitFor()
  })
  await attempt('nobody is asked for anything, and its policy stops nothing', () => {
    assert.deepEqual(
      asked.filter((url) => !url.startsWith('file:') && !url.startsWith('data:')),
      [],
    )
    assert.deepEqual(wrong, [])
  })
  await context.close()
  await attempt('with a second run it compares both, and stays of the first', async () => {
    const second = join(scratch, 'report', 'second.jsonl')
    spawnSync(process.execPath, [CREW, second, '--fast', '--child'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const both = join(scratch, 'both.html')
    json('report', '--compare', second, '-o', both, file)
    const { verdict, common } = json('diff', file, second)
    const { page: two, wrong: failed, context: other } = await openPage(browser, pathToFileURL(both).href)
    await two
      .getByRole('region', { name: 'Floor' })
      .getByRole('button', { name: 'Lead', exact: true })
      .waitFor()
    await two.keyboard.press('9')
    await two
      .getByRole('region', { name: 'Compare', exact: true })
      .getByRole('combobox')
      .selectOption({ label: `second.jsonl (${second.slice(-60)})` })
    const said = { same: 'Both runs are the same.', order: 'The same was done', differ: 'The runs part.' }
    await two.getByText(said[verdict]).waitFor()
    await two.locator('.figures').getByText(new Intl.NumberFormat('en-US').format(common)).waitFor()
    assert.deepEqual(failed, [])
    await other.close()
  })
  await attempt('contents beyond what was asked for are left out, and that is said', () => {
    const none = json('report', '--contents', '0', '-o', join(scratch, 'none.html'), file)
    assert.deepEqual([none.contents, none.leftOut], [0, snapshots.size])
  })
  await attempt('of a long log the newest events, and it says so', async () => {
    const short = join(scratch, 'short.html')
    const { events, floors } = json('report', '--events', '50', '--floors', '7', '-o', short, file)
    assert.deepEqual([events, floors], [50, 7])
    const { page: part, context: other } = await openPage(browser, pathToFileURL(short).href)
    await part
      .getByText(`the newest 50 of ${lines.length} events, the floor at 7 of their positions`)
      .waitFor()
    await other.close()
  })
  await attempt('a log that wants to be markup stays text in it', async () => {
    const hostile = join(scratch, 'markup.jsonl')
    const text = '</script><script>globalThis.wasRun=1</script><!--'
    writeFileSync(
      hostile,
      `${JSON.stringify({ ts: Date.now(), kind: 'spawn', agentId: text, name: text, isGod: true, seq: 1 })}\n`,
    )
    const html = join(scratch, 'markup.html')
    json('report', '-o', html, hostile)
    const { page: odd, wrong: oddly, context: other } = await openPage(browser, pathToFileURL(html).href)
    await odd.getByRole('button', { name: text, exact: true }).waitFor()
    assert.equal(await odd.evaluate(() => globalThis.wasRun), undefined)
    assert.deepEqual(oddly, [])
    await other.close()
  })
}
