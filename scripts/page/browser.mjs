// The browser that the page is tried in: the system's Chromium, which asks nobody for anything.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
]

/** Installs Chromium where there is none and it can be. @throws in one line when it cannot */
export async function openBrowser() {
  if (!existsSync(CHROMIUM)) install()
  if (!existsSync(CHROMIUM))
    throw new Error(`there is no ${CHROMIUM}: install chromium, or name it in CHROMIUM`)
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS })
}

function install() {
  console.log('installing chromium')
  const script = 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium'
  spawnSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** A page of that browser that keeps what went wrong in it: errors, and what its policy refused. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 820 }, ...options })
  const page = await context.newPage()
  const wrong = []
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  if (url !== undefined) await page.goto(url)
  return { page, context, wrong }
}
