// What the page shows is what the commands say, at places taken by chance, in every kind of log.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPage } from './browser.mjs'
import { CREW, json, serve } from './programs.mjs'

const POSITIONS = Number(process.env.POSITIONS ?? 70)
const MUNDER = fileURLToPath(new URL('../../../shared/data/munder-difflin.log.jsonl', import.meta.url))
const FIXTURE = fileURLToPath(new URL('../../test/fixtures/munder-difflin.log.jsonl', import.meta.url))

export async function tries({ browser, scratch, attempt }) {
  const logs = logsIn(scratch)
  for (const [name, file] of Object.entries(logs)) {
    const server = await serve([file])
    const { logs: entries } = await server.get('/api/logs')
    const id = entries[0].id
    const { page, wrong } = await openPage(browser, server.home)
    await page.getByRole('slider', { name: 'Position' }).waitFor()
    const { first, last, logs: ofHive } = await server.get(`/api/logs/${id}`)
    // `--at SEQ` means the first log; where there are children its lines have other positions in the merged story.
    const { events } = await server.get(`/api/logs/${id}/events?limit=1000`)
    const places = placesOf(events, file)
    await attempt(`${name}: the floor at ${POSITIONS} places is what state says`, async () => {
      assert.ok(places.length > 10)
      for (let i = 0; i < POSITIONS; i++) {
        const { position, seq } = places[Math.floor(Math.random() * places.length)]
        const state = json('state', '--at', String(seq), file)
        assert.deepEqual(await floorOf(page, id, position), expectedFloor(state), `at ${seq}`)
      }
    })
    await attempt(`${name}: the floor at the end is what state says`, async () => {
      assert.deepEqual(await floorOf(page, id, last), expectedFloor(json('state', file)))
    })
    await attempt(`${name}: the feed has the lines of the log`, async () => {
      await page.goto(`${server.url}/#log=${id}&seq=${first}&view=feed`)
      const { events } = await server.get(`/api/logs/${id}/events?limit=5`)
      for (const each of events)
        await page.getByRole('option').filter({ hasText: each.event.kind }).first().waitFor()
      const rows = await page.getByRole('option').count()
      assert.ok(rows >= Math.min(10, last - first + 1), `${rows} rows`)
    })
    await attempt(`${name}: cost, calls, waits, checks`, () => reports(page, server.url, id, file))
    if (ofHive.length > 1) {
      await attempt(`${name}: an address names a line by its own log and number`, async () => {
        const other = events.filter((each) => each.log !== undefined && each.log !== file)[3]
        const of = other.log.slice(other.log.lastIndexOf('/') + 1)
        await page.goto('about:blank')
        await page.goto(`${server.url}/#log=${id}&of=${of}&seq=${other.seq}`)
        const isAt = (wanted) =>
          page.waitForFunction(
            (value) => document.querySelector('input[aria-label=Position]')?.value === value,
            String(wanted),
          )
        await isAt(other.position)
        // Wherever one goes from there, the address names that line in the same way.
        await page.keyboard.press(',')
        await isAt(other.position - 1)
        const before = events.find(({ position }) => position === other.position - 1)
        const name = before.log.slice(before.log.lastIndexOf('/') + 1)
        await page.waitForFunction(
          (wanted) => location.hash.includes(wanted),
          `seq=${before.seq}&of=${encodeURIComponent(name)}`,
        )
      })
      await attempt(`${name}: the place of a finding is its line, in whichever log`, async () => {
        await page.goto(`${server.url}/#log=${id}&view=checks`)
        const { findings } = json('check', file)
        const { first: place } = findings.find(({ first: at }) => at.seq !== undefined)
        const link = page
          .locator('.finding')
          .filter({ hasText: findings.find(({ first: at }) => at === place).message })
        await link
          .getByRole('button', { name: grouped(place.seq), exact: true })
          .first()
          .click()
        const panel = page.getByRole('complementary', { name: 'Event' })
        await panel.getByText(`:${place.line}`).waitFor()
        await panel
          .getByText(place.file.slice(place.file.lastIndexOf('/') + 1))
          .first()
          .waitFor()
      })
    }
    await attempt(`${name}: nothing went wrong in the page`, () => assert.deepEqual(wrong, []))
    await page.context().close()
    server.child.kill()
  }
}

/**
 * Events of the first log, by position and seq. After one that events of other logs follow, `state --at` goes on to the
 * first log's next line, so those are not compared.
 */
function placesOf(events, file) {
  const isFirst = (each) => each === undefined || each.log === undefined || each.log === file
  return events
    .filter((each, i) => isFirst(each) && isFirst(events[i + 1]))
    .map(({ position, seq }) => ({ position, seq: seq ?? position }))
}

function logsIn(scratch) {
  const own = join(scratch, 'own', 'hive.jsonl')
  spawnSync(process.execPath, [CREW, own, '--fast'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const children = join(scratch, 'children', 'hive.jsonl')
  spawnSync(process.execPath, [CREW, children, '--fast', '--child'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const foreign = join(scratch, 'munder-difflin.log.jsonl')
  cpSync(existsSync(MUNDER) ? MUNDER : FIXTURE, foreign)
  return { own, children, foreign }
}

/** Name, status and waiting messages of every agent, as a screen reader hears them; questions; tokens. */
async function floorOf(page, id, at) {
  await page.evaluate((hash) => {
    location.hash = hash
  }, `log=${id}&seq=${at}`)
  await page.waitForFunction(
    (wanted) => {
      const slider = document.querySelector('input[aria-label=Position]')
      const floor = document.querySelector('[aria-label=Floor] [data-at]')
      return slider?.value === wanted && floor?.dataset.at === wanted
    },
    String(at),
    { timeout: 10_000 },
  )
  return page.evaluate(() => {
    const agents = [...document.querySelectorAll('[data-agent]')].map((card) => {
      const heard = document.getElementById(card.getAttribute('aria-describedby')).textContent
      const waiting = / ?([\d,]+) messages? in the inbox/.exec(heard)?.[1]
      return {
        id: card.dataset.agent,
        name: card.textContent,
        status: heard.split(',')[0],
        waiting: Number((waiting ?? '0').replaceAll(',', '')),
      }
    })
    const sums = Object.fromEntries(
      [...document.querySelectorAll('.sums > div')].map((each) => [
        each.querySelector('dt').textContent,
        each.querySelector('dd').textContent,
      ]),
    )
    return {
      agents: agents.sort((a, b) => (a.id < b.id ? -1 : 1)),
      pending: sums['wait for you'],
      alive: sums.alive,
      cost: sums.cost,
    }
  })
}

const WORDS = {
  alive: 'alive',
  held: 'on hold',
  archived: 'archived',
  ok: 'ended well',
  error: 'ended with an error',
  killed: 'was killed',
  lost: 'was lost',
}

function expectedFloor(state) {
  const inboxes = new Map(state.inboxes.map(({ recipient, waiting }) => [recipient, waiting]))
  const agents = state.agents.map(({ agentId, name, status }) => ({
    id: agentId,
    name,
    status: WORDS[status],
    waiting: inboxes.get(agentId) ?? 0,
  }))
  const living = state.agents.filter(({ status }) => status === 'alive' || status === 'held').length
  const { costUsd } = state.usage
  return {
    agents: agents.sort((a, b) => (a.id < b.id ? -1 : 1)),
    pending: String(state.pending.length),
    alive: `${living}/${agents.length}`,
    cost: costUsd === 0 ? '$0.00' : costUsd < 1 ? `$${costUsd.toFixed(4)}` : `$${costUsd.toFixed(2)}`,
  }
}

async function reports(page, url, id, file) {
  const cost = json('cost', file)
  await page.goto(`${url}/#log=${id}&view=cost`)
  if (cost.rows.length > 0) {
    const rows = await bodyOf(page, 'Cost by agent')
    const heard = rows.map(([agent, , , calls, , tokensIn, tokensOut]) => [agent, calls, tokensIn, tokensOut])
    const said = cost.rows.map((row) => [
      row.key,
      ...[row.calls, row.inputTokens, row.outputTokens].map(grouped),
    ])
    assert.deepEqual(heard, said)
  } else await page.getByText('No model call is in this log').waitFor()
  const calls = json('calls', file)
  await page.goto(`${url}/#log=${id}&view=calls`)
  if (calls.rows.length > 0) {
    const rows = await bodyOf(page, 'Calls by host')
    assert.deepEqual(
      rows.map(([host, count, errors]) => [host, count, errors]),
      calls.rows.map((row) => [row.key, grouped(row.calls), grouped(row.errors)]),
    )
  } else await page.getByText('No external API was called').waitFor()
  const waits = json('waits', file)
  await page.goto(`${url}/#log=${id}&view=waits`)
  if (waits.rows.length > 0) {
    const rows = await bodyOf(page, 'Waits by resource')
    assert.deepEqual(
      rows.map(([resource, , , count]) => [resource, count]),
      waits.rows.map((row) => [row.key, grouped(row.waits)]),
    )
  } else await page.getByText('Nobody waited').waitFor()
  const check = json('check', file)
  await page.goto(`${url}/#log=${id}&view=checks`)
  const region = page.getByRole('region', { name: 'Checks', exact: true })
  await region.getByText('events looked at').waitFor()
  const findings = await region.locator('.finding p').allTextContents()
  assert.deepEqual(
    findings,
    check.findings.map(({ message }) => message),
  )
}

const grouped = (value) => new Intl.NumberFormat('en-US').format(value)

async function bodyOf(page, name) {
  const table = page.getByRole('region', { name })
  await table.waitFor()
  return table
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)))
}
