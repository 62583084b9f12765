/** From an address to a page that shows it: who asks, which log, where in it. */
import { batch } from '@preact/signals'
import type { LogList, LogOverview, Me } from '../../serve/api/shapes.js'
import { askFloor, floor } from './floor.js'
import { startLive, stopLive } from './live.js'
import { rows } from './rows.js'
import {
  api,
  connection,
  findWanted,
  first,
  isFollowing,
  last,
  logId,
  logPath,
  me,
  needsToken,
  overview,
  position,
  readAddress,
  remember,
  shown,
  take,
  trouble,
  view,
} from './store.js'

/** Begins: the token of the address becomes a cookie and leaves the address, then the log is opened. */
export async function begin(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (token !== null) {
    history.replaceState(null, '', location.pathname)
    await signIn(token).catch(take)
  }
  await enter()
}

/** @returns whether the server knows the token */
export async function signIn(token: string): Promise<boolean> {
  const { status } = await api().send('POST', '/api/session', { token })
  return status < 400
}

export async function enter(): Promise<void> {
  needsToken.value = false
  try {
    me.value = (await api().get('/api/me')) as Me
    connection.value = 'open'
    readAddress()
    if (logId.value === '') {
      const { logs, total } = (await api().get('/api/logs', { limit: 2 })) as LogList
      const only = logs[0]
      // A report is of its first log; another one is only compared with.
      if (only === undefined || (total > 1 && api().kind !== 'report')) {
        view.value = 'logs'
        return
      }
      logId.value = only.id
    }
    await openLog()
  } catch (error) {
    trouble.value = take(error)
  }
}

/** Opens the log of `logId`. */
export async function openLog(): Promise<void> {
  stopLive()
  batch(() => {
    trouble.value = undefined
    overview.value = undefined
    floor.value = undefined
    first.value = 0
    last.value = 0
    rows.clear()
  })
  const id = logId.value
  if (id === '') return
  try {
    const answer = (await api().get(logPath(''))) as LogOverview
    if (id !== logId.value) return
    batch(() => {
      overview.value = answer
      first.value = answer.first
      last.value = answer.last
      if (isFollowing.value) position.value = answer.last
      else position.value = Math.min(Math.max(position.value, answer.first), answer.last)
    })
    await findWanted()
    remember()
    await askFloor()
    startLive()
  } catch (error) {
    trouble.value = take(error)
  }
}

export async function chooseLog(id: string): Promise<void> {
  batch(() => {
    logId.value = id
    isFollowing.value = true
    shown.value = undefined
    view.value = 'floor'
  })
  await openLog()
}
