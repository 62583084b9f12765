// A person decides at the page while a shell and the hive's own code do, about the same: one approval each, and the page
// says of each of its decisions what became of it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPage } from './browser.mjs'
import { CLI, serve, start } from './programs.mjs'

const HIVE = fileURLToPath(new URL('../lib/asking-hive.mjs', import.meta.url))
const COUNT = 60
const ME = userInfo().username

export async function tries({ browser, scratch, attempt }) {
  mkdirSync(join(scratch, 'race'))
  const file = join(scratch, 'race', 'hive.jsonl')
  const hive = (await start([HIVE, file], { input: true })).child
  const tell = (what) => hive.stdin.write(`${JSON.stringify(what)}\n`)
  const server = await serve([file])
  const { page, wrong } = await openPage(browser, `${server.home}`)
  await page.getByRole('region', { name: 'Floor' }).waitFor()
  await page.keyboard.press('4')
  const desk = page.getByRole('region', { name: 'Desk', exact: true })
  const card = (subject) => desk.getByRole('article', { name: subject, exact: true })
  const yours = desk.getByRole('list', { name: 'Your decisions' })
  const decided = page.getByRole('region', { name: 'Decided' })

  await attempt('what is decided says sent until the line is in the log, and then recorded', async () => {
    tell({ ask: 'slow', subject: 'May I be slow?' })
    await card('May I be slow?').waitFor()
    // It cannot write anything for now.
    hive.kill('SIGSTOP')
    await card('May I be slow?').getByRole('button', { name: 'Approve' }).click()
    await card('May I be slow?').getByText(/^sent/).waitFor()
    await page.waitForTimeout(600)
    assert.equal(await yours.count(), 0)
    assert.match(await card('May I be slow?').getByRole('status').textContent(), /sent.*has not written it/)
    hive.kill('SIGCONT')
    await yours.getByText('recorded: you approved “May I be slow?”').waitFor()
    await card('May I be slow?').waitFor({ state: 'detached' })
    const [line] = approvals(file, 'slow')
    assert.equal(await yours.getByRole('button', { name: String(line.seq), exact: true }).count(), 1)
    await yours.getByRole('button', { name: 'Dismiss' }).click()
    await yours.waitFor({ state: 'detached' })
  })

  await attempt('who decides second is told by whom and when it was decided', async () => {
    tell({ ask: 'late', subject: 'May I be late?' })
    await card('May I be late?').waitFor()
    let letGo
    const isHeld = new Promise((held) =>
      page.route('**/decisions', async (route) => {
        held()
        await new Promise((done) => {
          letGo = done
        })
        await route.continue()
      }),
    )
    await card('May I be late?').getByRole('button', { name: 'Approve' }).click()
    await isHeld
    tell({ decide: 'late', approve: false, by: 'cy' })
    await decided.getByRole('row').filter({ hasText: 'May I be late?' }).waitFor()
    letGo()
    await yours.getByText(/decided before you: cy \(code\) rejected “May I be late\?” at \d/).waitFor()
    await page.unroute('**/decisions')
    assert.equal(approvals(file, 'late').length, 1)
    await yours.getByRole('button', { name: 'Dismiss' }).click()
    // The server's word for it is in the console too.
    assert.match(wrong.join(), /^console: Failed to load resource: [^\n]*409[^\n]*$/)
    wrong.length = 0
  })

  await attempt(
    `${COUNT} questions, by page, shell and code at once: one approval each, of who was first`,
    async () => {
      const ids = Array.from({ length: COUNT }, (_, i) => `race-${i}`)
      const subjectOf = (id) => `May I do ${id}?`
      for (const id of ids) tell({ ask: id, subject: subjectOf(id) })
      await card(subjectOf(ids.at(-1))).waitFor()
      // What the page is to say of each, by the clicks.
      const meant = new Map(ids.map((id, i) => [id, i % 3 !== 0]))
      // What another decides goes from the desk while it is looked for, and what is below it moves.
      const click = (id) =>
        card(subjectOf(id))
          .getByRole('button', { name: meant.get(id) ? 'Approve' : 'Reject' })
          .click({ timeout: 2_000 })
          .catch(() => {})
      const isOpen = async (id) => {
        const button = card(subjectOf(id)).getByRole('button', { name: 'Approve' })
        return (await button.count()) > 0 && (await button.isEnabled({ timeout: 1_000 }).catch(() => false))
      }
      const shells = []
      // From below, so that what the page decides moves nothing but what is told above.
      for (const [i, id] of [...ids].reverse().entries()) {
        if (i % 4 === 1) tell({ decide: id, approve: !meant.get(id), by: 'cy' })
        // A process takes a while to begin: it goes for one that the page comes to a little later.
        const ahead = ids.at(-1 - i - 8)
        if (i % 5 === 2 && ahead !== undefined) shells.push([ahead, shell('approve', ahead, file)])
        for (let tries = 0; tries < 40 && (await isOpen(id)); tries++) {
          await click(id)
          await page.waitForTimeout(50)
        }
      }
      await page.getByText('Nothing waits for a person').waitFor()
      const codes = await Promise.all(shells.map(async ([id, code]) => [id, await code]))
      const lines = approvals(file).filter(({ id }) => id.startsWith('race-'))
      assert.deepEqual(lines.map(({ id }) => id).sort(), [...ids].sort())
      const by = { page: 0, cli: 0, code: 0 }
      for (const { id, via, by: who, approve } of lines) {
        by[via]++
        assert.equal(who, via === 'code' ? 'cy' : ME)
        if (via === 'page') assert.equal(approve, meant.get(id), `${id} is as it was clicked`)
        const row = decided.getByRole('row').filter({ hasText: subjectOf(id) })
        assert.match(
          await row.textContent(),
          new RegExp(`${approve ? 'approved' : 'rejected'}.*coder.*${who} ${via}`),
          `the desk says what the log says of ${id}`,
        )
      }
      for (const [id, code] of codes)
        assert.equal(
          code === 0,
          lines.find((line) => line.id === id).via === 'cli',
          `the shell hears of ${id}`,
        )
      console.log(`        decided by page ${by.page}, shell ${by.cli}, code ${by.code}`)
      assert.ok(by.page >= COUNT / 3)
      await yours
        .getByText(/recorded: you/)
        .first()
        .waitFor()
      wrong.splice(0, wrong.length, ...wrong.filter((each) => !/status of 409/.test(each)))
    },
  )

  await attempt(
    'a click on what has just moved under the pointer decides nothing; a moment later one does',
    async () => {
      for (const id of ['upper', 'lower']) tell({ ask: id, subject: `May the ${id} one?` })
      await card('May the lower one?').waitFor()
      // As the upper one goes, the lower one stands where it was: there is clicked, before anybody can have seen that.
      const clicked = page.evaluate(
        () =>
          new Promise((done) => {
            const upper = document.querySelector('article')
            const { x, y, width, height } = upper.querySelector('.approve').getBoundingClientRect()
            const watch = new MutationObserver(() => {
              if (upper.isConnected) return
              watch.disconnect()
              const there = document.elementFromPoint(x + width / 2, y + height / 2)
              there.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 1 }))
              done([there.className, there.closest('article')?.dataset.question])
            })
            watch.observe(document.body, { childList: true, subtree: true })
          }),
      )
      tell({ decide: 'upper', approve: true, by: 'cy' })
      assert.deepEqual(await clicked, ['approve', 'lower'])
      const lower = card('May the lower one?')
      await lower.getByText('had just moved here, so nothing was sent').waitFor()
      await page.waitForTimeout(600)
      assert.equal(approvals(file, 'lower').length, 0)
      await lower.getByRole('button', { name: 'Reject' }).click()
      await lower.waitFor({ state: 'detached' })
      assert.deepEqual(
        approvals(file, 'lower').map(({ approve, via }) => [approve, via]),
        [[false, 'page']],
      )
    },
  )

  await attempt(
    'by keys alone: from question to question, and on at the next one when one is gone',
    async () => {
      for (const id of ['one', 'two', 'three']) tell({ ask: id, subject: `Key ${id}?` })
      await card('Key three?').waitFor()
      const here = () =>
        page.evaluate(() => {
          const element = document.activeElement
          const named = element?.getAttribute('aria-labelledby')
          return named ? document.getElementById(named)?.textContent : (element?.textContent ?? '')
        })
      const tabTo = async (name) => {
        for (let i = 0; i < 150; i++) {
          await page.keyboard.press('Tab')
          if ((await here()) === name) return
        }
        throw new Error(`no Tab leads to ${name}`)
      }
      // From the top of the page on.
      await page.evaluate(() => document.activeElement?.blur())
      await tabTo('Approve')
      await page.keyboard.press('ArrowDown')
      assert.equal(await here(), 'Key two?')
      await page.keyboard.press('k')
      assert.equal(await here(), 'Key one?')
      await page.keyboard.press('j')
      await tabTo('Reject')
      await page.keyboard.press('Enter')
      await card('Key two?').waitFor({ state: 'detached' })
      await page.waitForFunction(() => document.activeElement?.tagName === 'ARTICLE')
      assert.equal(await here(), 'Key three?')
      await tabTo('Approve')
      await page.keyboard.press('Space')
      await card('Key three?').waitFor({ state: 'detached' })
      await page.waitForFunction(() => document.activeElement?.tagName === 'ARTICLE')
      assert.equal(await here(), 'Key one?')
      await tabTo('Approve')
      await page.keyboard.press('Enter')
      await page.getByText('Nothing waits for a person').waitFor()
      await page.waitForFunction(() => document.activeElement?.tagName === 'H1')
      assert.deepEqual(
        ['one', 'two', 'three'].map((id) => approvals(file, id).map(({ approve }) => approve)),
        [[true], [false], [true]],
      )
    },
  )

  await attempt('on a phone: nothing is wider than it, and buttons are big enough for a thumb', async () => {
    tell({ ask: 'phone', subject: `May I ${'drop_the_table_of_users_and_all_that_hangs_on_it_'.repeat(6)}?` })
    const phone = await openPage(browser, server.home, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    })
    await phone.page.getByRole('region', { name: 'Floor' }).waitFor()
    await phone.page.getByRole('button', { name: /^Desk/ }).tap()
    const asked = phone.page.getByRole('article')
    await asked.waitFor()
    const wide = await phone.page.evaluate(() => {
      const desk = document.querySelector('.desk')
      return [document.scrollingElement.scrollWidth - innerWidth, desk.scrollWidth - desk.clientWidth]
    })
    assert.ok(wide[0] <= 0 && wide[1] <= 0, `it is wider by ${wide}`)
    for (const name of ['Approve', 'Reject']) {
      const { height, width } = await asked.getByRole('button', { name }).boundingBox()
      assert.ok(height >= 40 && width >= 100, `${name} is ${width} by ${height}`)
    }
    await asked.getByRole('button', { name: 'Reject' }).tap()
    await phone.page.getByText('Nothing waits for a person').waitFor()
    await phone.page.getByText(/recorded: you rejected/).waitFor()
    const after = await phone.page.evaluate(() => document.querySelector('.desk').scrollWidth - innerWidth)
    assert.ok(after <= 0, `what was decided is wider by ${after}`)
    assert.equal(approvals(file, 'phone')[0].approve, false)
    assert.deepEqual(phone.wrong, [])
    if (process.env.HIVELOG_PICTURES) await phone.page.screenshot({ path: process.env.HIVELOG_PICTURES })
    await phone.context.close()
  })
  await attempt('nothing went wrong in the page', () => assert.deepEqual(wrong, []))
  await page.context().close()
}

/** The command as a process of its own. @returns its exit code */
async function shell(name, id, file) {
  const child = spawn(process.execPath, [CLI, name, id, file], { stdio: 'ignore' })
  return (await once(child, 'exit'))[0]
}

function approvals(file, id) {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const found = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'approval')
  return id === undefined ? found : found.filter((line) => line.id === id)
}
