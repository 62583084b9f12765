/** An event is found by its own number, its line, or its time, in whichever log of the hive it stands. */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import type { EventPage, PositionAnswer } from '../../src/serve/api/shapes.js'
import { type Api, busyLog, familyLog, foreignLog, numbers, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'

const eventsOf = async ({ get }: Api, log: string) =>
  (await get<EventPage>(`${log}/events?limit=1000`)).events

test('in a hive of several logs each number of each log is its own event', async (t) => {
  const api = await tempApi(t, { logs: [familyLog(tempFolder(t))] })
  const log = await api.log('hive.jsonl')
  const events = await eventsOf(api, log)
  assert.ok(new Set(events.map((each) => each.log)).size > 1)
  for (const { position, log: of = '', seq, file, line, event } of events) {
    const place = { position, log: of, file, line, seq, ts: event.ts }
    for (const name of [of, basename(of)]) {
      const query = new URLSearchParams({ log: name, seq: String(seq) })
      assert.deepEqual(await api.get<PositionAnswer>(`${log}/position?${query}`), place)
    }
    const byLine = new URLSearchParams({ file, line: String(line) })
    assert.deepEqual(await api.get<PositionAnswer>(`${log}/position?${byLine}`), place)
    assert.deepEqual(await api.get<PositionAnswer>(`${log}/position?at=${position}`), place)
    const last = events.filter((each) => each.event.ts <= event.ts).at(-1)
    const byTime = await api.get<PositionAnswer>(`${log}/position?ts=${event.ts}`)
    assert.equal(byTime.position, last?.position)
  }
})

test('in one log, with lines that are no event, and without numbers', async (t) => {
  const folder = tempFolder(t)
  const api = await tempApi(t, { logs: [busyLog(folder, 3_000), foreignLog(folder)] })
  const next = numbers(9)
  for (const name of ['busy.jsonl', 'munder.jsonl']) {
    const log = await api.log(name)
    const events = await eventsOf(api, log)
    for (let i = 0; i < 60; i++) {
      const { position, line, file, seq } = events[next(events.length)] as (typeof events)[0]
      const found = await api.get<PositionAnswer>(`${log}/position?seq=${seq ?? position}`)
      assert.deepEqual([found.position, found.line, found.seq], [position, line, seq])
      const byLine = `${log}/position?${new URLSearchParams({ file, line: String(line) })}`
      assert.equal((await api.get<PositionAnswer>(byLine)).position, position)
    }
  }
})

test('what is not there is said, and so is what asks for nothing or for too much', async (t) => {
  const api = await tempApi(t, { logs: [familyLog(tempFolder(t))] })
  const log = await api.log('hive.jsonl')
  const status = async (query: string): Promise<number> => (await api.ask(`${log}/position?${query}`)).status
  assert.equal(await status('seq=100000'), 404)
  assert.equal(await status('ts=0'), 404)
  assert.equal(await status('log=other.jsonl&seq=1'), 404)
  assert.equal(await status(`file=${encodeURIComponent('/etc/passwd')}&line=1`), 404)
  assert.equal(await status(''), 400)
  assert.equal(await status('seq=1&ts=4'), 400)
  assert.equal(await status('seq=0'), 400)
})
