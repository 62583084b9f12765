/** An application that does something when Node has nothing left to do. What is its first argument, where the second. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'

const [, , way, url] = process.argv
const ask = async (path: string): Promise<void> => {
  await (await fetch(`${url}${path}`)).text()
}
const atEnd = (work: () => unknown): void => void process.once('beforeExit', work)

const WAYS: Record<string, () => unknown> = {
  async 'one after the other'() {
    await ask('/first')
    atEnd(async () => {
      await ask('/second')
      await sleep(5)
      await ask('/third')
    })
  },
  'only then'() {
    atEnd(() => ask('/first'))
  },
  'after some turns'() {
    atEnd(async () => {
      for (let i = 0; i < 5; i++) await turn()
      await ask('/first')
    })
  },
  'again and again'() {
    let left = 3
    process.on('beforeExit', () => {
      if (left-- > 0) void ask(`/${left}`)
    })
  },
  'from one end to the next'() {
    atEnd(async () => {
      await ask('/first')
      atEnd(async () => {
        await ask('/second')
        atEnd(() => ask('/third'))
      })
    })
  },
  'and leaves by exit'() {
    atEnd(async () => {
      await ask('/first')
      process.exit(3)
    })
  },
  'a word'() {
    process.on('beforeExit', () => process.stdout.write('bye\n'))
  },
  'too late'() {
    // Without hivelog it is called once.
    let calls = 0
    process.on('beforeExit', () => {
      if (++calls === 2) void ask('/late').then(() => ask('/later'))
    })
  },
}

await WAYS[way as string]?.()
