// Tries the page in a real Chromium, against real servers and hives in processes of their own.
//   node scripts/test-page.mjs [PART]...
// PART: names of scripts/page/try-*.mjs. Prints a line a try, and `page: N passed, N failed`.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openBrowser } from './page/browser.mjs'
import { stopAll } from './page/programs.mjs'

const folder = fileURLToPath(new URL('page/', import.meta.url))
const wanted = process.argv.slice(2)
const parts = readdirSync(folder)
  .filter((name) => /^try-.*\.mjs$/.test(name))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
if (parts.length === 0) {
  console.error(`no part of the page's tests is called ${wanted.join(', ')}`)
  process.exit(2)
}
let passed = 0
let failed = 0
const scratch = mkdtempSync(join(tmpdir(), 'hivelog-page-'))
const browser = await openBrowser()
try {
  for (const part of parts) {
    const { tries } = await import(`./page/${part}`)
    const area = part.slice(4, -4)
    const attempt = async (name, act) => {
      try {
        await act()
        passed++
        console.log(`ok      ${area}: ${name}`)
      } catch (error) {
        failed++
        console.log(
          `FAILED  ${area}: ${name}: ${String(error.message ?? error)
            .split('\n')
            .slice(0, 6)
            .join(' | ')}`,
        )
      }
    }
    try {
      await tries({ browser, scratch, attempt })
    } catch (error) {
      await attempt('runs to its end', () => Promise.reject(error))
    } finally {
      await stopAll()
    }
  }
} finally {
  await browser.close()
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`page: ${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
