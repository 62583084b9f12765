/**
 * When a process has nothing left to do. Node says so by `beforeExit`, and goes on if a listener begins work then: a
 * last summary, a queue that is emptied. Only when nobody does any more it is the end.
 */
import { createHook } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Promises alone keep no process going, nor does a pipe or a terminal that something is written to. */
const KEEPS_NOTHING = new Set(['PROMISE', 'TICKOBJECT', 'MICROTASK', 'PIPEWRAP', 'TTYWRAP'])
const keepsGoing = (type: string): boolean => !KEEPS_NOTHING.has(type.toUpperCase())

/** What somebody began: `maybe` that which may not keep the process going. */
type Begun = 'nothing' | 'maybe' | 'work'

/**
 * Calls `end` once, when there is nothing left to do, what others begin in their listeners of `beforeExit` included. The
 * process goes on until what `end` begins is done. Each look at what others begin takes a turn of the event loop.
 */
export function whenNothingLeft(end: () => void): void {
  let hasLooked = false
  let wentOn = false
  /** Runs only if the event loop goes on without us. */
  let goingOn: NodeJS.Immediate | undefined

  const finish = (): void => {
    process.off('beforeExit', onIdle)
    end()
  }
  const onIdle = (): void => {
    clearImmediate(goingOn)
    // Listeners are called again for the turn that the last look took, and have had their work done.
    if (hasLooked && !wentOn) {
      finish()
      return
    }
    hasLooked = true
    whatBegins((begun) => {
      // A request may be over by now, and what is to follow it begins at the next call.
      wentOn = begun === 'work'
      if (begun === 'nothing') finish()
      if (begun !== 'maybe') return
      goingOn = setImmediate(() => {
        wentOn = true
      }).unref()
    })
  }
  process.on('beforeExit', onIdle)
}

/** Tells after this turn what others have begun meanwhile. */
function whatBegins(tell: (begun: Begun) => void): void {
  let begun: Begun = 'nothing'
  const active = activeCount()
  const hook = createHook({
    init(_id, type) {
      if (type === 'HTTPCLIENTREQUEST') begun = 'work'
      else if (begun === 'nothing' && keepsGoing(type)) begun = 'maybe'
    },
  })
  // On a connection that was kept open a request by `fetch` is nothing that hooks are told of.
  const onRequest = (): void => {
    begun = 'work'
  }
  subscribe('undici:request:create', onRequest)
  setImmediate(() => {
    hook.disable()
    unsubscribe('undici:request:create', onRequest)
    tell(begun === 'nothing' && activeCount() > active ? 'maybe' : begun)
  })
  hook.enable()
}

const activeCount = (): number => process.getActiveResourcesInfo().filter(keepsGoing).length
