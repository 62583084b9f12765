// Takes the pictures of docs/page.md: of the demo's hive and of scripts/lib/crew.mjs, both really run.
//   npm run build && node scripts/page-pictures.mjs
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openBrowser, openPage } from './page/browser.mjs'
import { CREW, serve, start, stopAll } from './page/programs.mjs'

const to = fileURLToPath(new URL('../docs/img/', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'hivelog-pictures-'))
const browser = await openBrowser()
try {
  const file = join(scratch, 'release.jsonl')
  const other = join(scratch, 'before.jsonl')
  spawnSync(process.execPath, [CREW, other, '--fast'], { stdio: ['ignore', 'ignore', 'inherit'] })
  await start([CREW, file, '--wait'])
  const server = await serve([file, other])
  const { logs } = await server.get('/api/logs')
  const idOf = (path) => logs.find((each) => each.file === path).id
  const { last } = await server.get(`/api/logs/${idOf(file)}`)

  const take = async (name, hash, { act, ...options } = {}) => {
    const { page, context } = await openPage(browser, undefined, {
      viewport: { width: 1180, height: 640 },
      ...options,
    })
    await page.goto(server.home)
    await page.getByRole('region', { name: 'Logs' }).waitFor()
    await page.goto(`${server.url}/#log=${idOf(file)}${hash}`)
    await page.waitForTimeout(1_200)
    await act?.(page)
    await page.waitForTimeout(700)
    const path = join(to, `page-${name}.png`)
    await page.screenshot({ path })
    // Smaller by two thirds, where the machine has it.
    spawnSync('pngquant', ['--force', '--quality', '60-95', '--output', path, path])
    await context.close()
  }
  await take('floor', '', { viewport: { width: 1360, height: 800 } })
  await take('floor-dark', `&seq=${last - 40}`, {
    colorScheme: 'dark',
    viewport: { width: 1360, height: 800 },
  })
  await take('feed', '&view=feed&kind=message&kind=escalate&kind=drop&kind=approval', {
    act: (page) => page.locator('.row').nth(4).click(),
  })
  await take('lanes', '&view=lanes', {
    act: async (page) => {
      await page.getByRole('group', { name: /^Lanes of/ }).focus()
      for (const key of ['+', '+', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key)
    },
  })
  await take('desk', '&view=desk')
  await take('agent', '&view=agent&agent=planner&with=lead', {
    act: async (page) => {
      await page.getByRole('button', { name: /^plan 2/ }).click()
      await page.getByRole('region', { name: 'Content' }).scrollIntoViewIfNeeded()
    },
  })
  await take('cost', '&view=cost')
  await take('calls', '&view=calls')
  await take('waits', '&view=waits')
  await take('checks', '&view=checks')
  await take('compare', `&view=compare&with=${idOf(other)}`)
  await take('logs', '&view=logs')
  await take('phone', '&view=desk', { viewport: { width: 390, height: 780 } })
} finally {
  await stopAll()
  await browser.close()
  rmSync(scratch, { recursive: true, force: true })
}
