// A person decides at the page; the hive that asked, in another process, writes it down.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPage } from './browser.mjs'
import { CLI, CREW, serve, start } from './programs.mjs'

const DROP = /Drop the column users\.legacy_id/
const PICTURES = /last month’s pictures/

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'desk', 'hive.jsonl')
  const crew = await start([CREW, file, '--fast', '--wait'])
  const server = await serve([file])
  const { page, wrong } = await openPage(browser, server.home)
  await page.getByRole('region', { name: 'Floor' }).waitFor()
  const desk = page.getByRole('region', { name: 'Desk', exact: true })
  const question = (subject) => desk.getByRole('article').filter({ hasText: subject })

  await attempt('the floor shows who waits, as a mark and not as an error', async () => {
    const card = page.locator('[data-card=migrate]')
    await card.getByText('waits for a person').first().waitFor()
    assert.equal(await card.evaluate((element) => element.className.includes('is-error')), false)
  })
  await attempt('what is pending stands on the desk, oldest first, with what was done before', async () => {
    await page.keyboard.press('4')
    await question(DROP).waitFor()
    const subjects = await desk.getByRole('article').getByRole('heading').allTextContents()
    assert.match(subjects[0], DROP)
    assert.match(subjects[1], PICTURES)
    assert.equal(await question(DROP).locator('.before li').count(), 5)
  })
  await attempt('what was decided: by whom, how, why, from which lines', async () => {
    const table = page.getByRole('region', { name: 'Decided' })
    const row = table.getByRole('row').filter({ hasText: 'Raise the rate limit' })
    assert.match(await row.textContent(), /approved.*ana.*for this release only/)
  })
  await attempt(
    'Reject with a note, by keys alone: sent, then recorded, once, by whom and by which way',
    async () => {
      await question(DROP).getByPlaceholder('Note').focus()
      await page.keyboard.type('keep it for a month')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Reject')
      await page.keyboard.press('Enter')
      await page.getByRole('region', { name: 'Decided' }).getByRole('row').filter({ hasText: DROP }).waitFor()
      await question(DROP).waitFor({ state: 'detached' })
      const lines = approvalsOf(file, 'keep it for a month')
      assert.equal(lines.length, 1)
      assert.equal(lines[0].approve, false)
      assert.equal(lines[0].via, 'page')
      assert.ok(typeof lines[0].by === 'string' && lines[0].by !== '')
    },
  )
  await attempt('who is second hears who was first', async () => {
    const { logs } = await server.get('/api/logs')
    const asked = eventsOf(file).find(({ kind, subject }) => kind === 'escalate' && DROP.test(subject))
    const response = await fetch(`${server.url}/api/logs/${logs[0].id}/decisions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id: asked.id, approve: true }),
    })
    assert.equal(response.status, 409)
    assert.equal((await response.json()).earlier.approve, false)
  })
  await attempt(
    'a decision from a shell leaves the desk too, and lets the hive go on to its end',
    async () => {
      const asked = eventsOf(file).find(({ kind, subject }) => kind === 'escalate' && PICTURES.test(subject))
      const { status, stderr } = spawnSync(process.execPath, [CLI, 'approve', asked.id, file], {
        encoding: 'utf8',
      })
      assert.equal(status, 0, stderr)
      await page.getByText('Nothing waits for a person').waitFor()
      await new Promise((done) => (crew.child.exitCode === null ? crew.child.once('exit', done) : done()))
      const all = eventsOf(file).filter(({ kind, id }) => kind === 'approval' && id === asked.id)
      assert.equal(all.length, 1)
      assert.equal(all[0].via, 'cli')
    },
  )
  await attempt('the past of the desk is shown, and cannot be decided', async () => {
    const asked = eventsOf(file).find(({ kind, subject }) => kind === 'escalate' && DROP.test(subject))
    const { logs } = await server.get('/api/logs')
    await page.goto(`${server.url}/#log=${logs[0].id}&view=desk&seq=${asked.seq}`)
    await question(DROP).waitFor()
    assert.ok(await question(DROP).getByRole('button', { name: 'Approve' }).isDisabled())
  })
  await attempt('nothing went wrong in the page', () => assert.deepEqual(wrong, []))
  await page.context().close()
}

const eventsOf = (file) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

const approvalsOf = (file, note) =>
  eventsOf(file).filter((event) => event.kind === 'approval' && event.note === note)
