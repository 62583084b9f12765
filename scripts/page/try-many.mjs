// A hive of many agents: each is a tile, which says what `hivelog state` says, with as much of its name as there is room.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPage } from './browser.mjs'
import { json, serve } from './programs.mjs'

const AGENTS = 600
const EVENTS = 6_000
const PLACES = 25

/** Names of all widths; some want to be something else. */
const nameOf = (i) =>
  [
    `Agent ${i}`,
    'i'.repeat(i % 60),
    'W'.repeat(1 + ((i >> 3) % 40)),
    `reviewer of everything that was ever built ${i}`,
    `研究員${'代理人'.repeat(i % 9)}${i}`,
    `باحث في كل شيء ${i}`,
    `<b>bold</b> ${i}`,
    `👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀 ${i}`,
  ][i % 8] || `a${i}`

export async function tries({ browser, scratch, attempt }) {
  const file = join(scratch, 'many.jsonl')
  writeFileSync(file, manyAgents())
  const server = await serve([file])
  const { page, wrong } = await openPage(browser, server.home)
  await page.waitForFunction((many) => document.querySelectorAll('[data-agent]').length === many, AGENTS)

  await attempt('every agent is a button named by its whole name', async () => {
    const buttons = page.getByRole('region', { name: 'Floor' }).getByRole('button')
    const tree = await buttons
      .and(page.locator('[data-agent]'))
      .evaluateAll((all) => all.map((each) => each.getAttribute('aria-label') ?? each.textContent))
    const wanted = Array.from({ length: AGENTS }, (_, i) => nameOf(i))
    assert.deepEqual(tree.toSorted(), wanted.toSorted())
    for (const i of [3, 12, 34])
      await buttons
        .and(page.getByRole('button', { name: nameOf(i), exact: true }))
        .first()
        .waitFor()
  })
  for (const zoom of [1, 2, 1]) {
    await attempt(
      `names do not reach beyond their tiles, and are cut no shorter than need be, letters of ${zoom * 100} %`,
      async () => {
        await page.evaluate(
          (factor) =>
            new Promise((done) => {
              document.documentElement.style.fontSize = `${16 * factor}px`
              requestAnimationFrame(() => requestAnimationFrame(done))
            }),
          zoom,
        )
        const beyond = await page.evaluate(() =>
          [...document.querySelectorAll('.tile .agent-name')].flatMap((name) => {
            const range = document.createRange()
            range.selectNodeContents(name)
            const text = range.getBoundingClientRect()
            const room = name.getBoundingClientRect()
            const isCut = name.textContent.endsWith('…')
            // A letter more would not fit: half of the room is left free by no name that is cut.
            const isShort = isCut && text.width < room.width / 2
            return text.width > room.width + 1 || isShort
              ? [{ name: name.textContent, text: text.width, room: room.width }]
              : []
          }),
        )
        assert.deepEqual(beyond, [])
        const cut = await page
          .locator('.tile .agent-name')
          .evaluateAll((all) => all.filter((each) => each.textContent.endsWith('…')).length)
        assert.ok(cut > AGENTS / 4, `${cut} of them are cut`)
      },
    )
  }
  await attempt(`tiles on the screen say what state says, at ${PLACES} places at once`, async () => {
    for (let i = 0; i < PLACES; i++) {
      const at = AGENTS + Math.floor(Math.random() * (EVENTS - AGENTS))
      await moveTo(page, at)
      compare(await tilesOf(page, true), json('state', '--at', String(at), file), at)
    }
  })
  await attempt('those that come onto the screen are right at once', async () => {
    for (const part of [0.5, 1, 0.2, 0]) {
      const at = AGENTS + Math.floor(Math.random() * (EVENTS - AGENTS))
      await moveTo(page, at)
      const shown = await page
        .evaluate(
          (to) =>
            new Promise((done) => {
              const floor = document.querySelector('section[aria-label=Floor]')
              floor.scrollTop = to * (floor.scrollHeight - floor.clientHeight)
              requestAnimationFrame(() => requestAnimationFrame(done))
            }),
          part,
        )
        .then(() => tilesOf(page, true))
      compare(shown, json('state', '--at', String(at), file), at)
    }
  })
  await attempt('the others are right when there was time', async () => {
    const at = AGENTS + Math.floor(Math.random() * (EVENTS - AGENTS))
    await moveTo(page, at)
    await page.locator('.stage[aria-busy=false]').waitFor()
    const all = await tilesOf(page, false)
    assert.equal(all.length, AGENTS)
    compare(all, json('state', '--at', String(at), file), at)
  })
  await attempt('in a low window, where the page scrolls, they are right too', async () => {
    await page.setViewportSize({ width: 1_000, height: 380 })
    const at = AGENTS + Math.floor(Math.random() * (EVENTS - AGENTS))
    await moveTo(page, at)
    await page.evaluate(
      () =>
        new Promise((done) => {
          scrollTo(0, document.documentElement.scrollHeight)
          requestAnimationFrame(() => requestAnimationFrame(done))
        }),
    )
    compare(await tilesOf(page, true), json('state', '--at', String(at), file), at)
  })
  await attempt('nothing went wrong in the page', () => assert.deepEqual(wrong, []))
}

async function moveTo(page, at) {
  await page.evaluate((to) => {
    const slider = document.querySelector('input[aria-label=Position]')
    slider.value = to
    slider.dispatchEvent(new Event('input', { bubbles: true }))
  }, String(at))
  await page.locator(`[data-at="${at}"]`).waitFor()
}

/** What tiles say, to a screen reader. @param onScreen whether only of those that are seen */
function tilesOf(page, onScreen) {
  return page.evaluate((isSeenOnly) => {
    const floor = document.querySelector('section[aria-label=Floor]').getBoundingClientRect()
    const [top, bottom] = [Math.max(0, floor.top), Math.min(innerHeight, floor.bottom)]
    return [...document.querySelectorAll('[data-agent]')].flatMap((button) => {
      const box = button.closest('[data-card]').getBoundingClientRect()
      if (isSeenOnly && (box.bottom < top || box.top > bottom)) return []
      const said = document.getElementById(button.getAttribute('aria-describedby')).textContent
      const waiting = /([\d,]+) messages? in the inbox/.exec(said)?.[1] ?? '0'
      return [
        {
          id: button.dataset.agent,
          status: said.split(',')[0],
          waiting: Number(waiting.replaceAll(',', '')),
        },
      ]
    })
  }, onScreen)
}

function compare(tiles, state, at) {
  assert.ok(tiles.length > 20, `${tiles.length} tiles`)
  const waiting = new Map(state.inboxes.map((inbox) => [inbox.recipient, inbox.waiting]))
  const status = new Map(
    state.agents.map((agent) => [agent.agentId, agent.status === 'ok' ? 'ended well' : agent.status]),
  )
  const said = tiles.map(({ id }) => ({ id, status: status.get(id), waiting: waiting.get(id) ?? 0 }))
  assert.deepEqual(tiles, said, `at ${at}`)
}

function manyAgents() {
  const ts = 1_790_000_000_000
  return Array.from({ length: EVENTS }, (_, i) => {
    const agent = `a${(i * 7) % AGENTS}`
    const event =
      i < AGENTS
        ? {
            kind: 'spawn',
            agentId: `a${i}`,
            name: nameOf(i),
            isGod: i === 0,
            ...(i > 0 && { parent: `a${Math.floor((i - 1) / 30)}` }),
          }
        : i % 97 === 0
          ? { kind: 'exit', agentId: agent, status: 'ok' }
          : i % 3 === 0
            ? { kind: 'drain', agentId: agent, count: 1 }
            : {
                kind: 'message',
                from: agent,
                to: `a${(i * 11) % AGENTS}`,
                act: 'inform',
                subject: `found ${i}`,
                id: `m${i}`,
              }
    return `${JSON.stringify({ ts: ts + i * 40, ...event, seq: i + 1, session: 's' })}\n`
  }).join('')
}
