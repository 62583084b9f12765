/** Programs that tests run beside themselves get ports that nobody else takes, and start though one is taken. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { answers, freePorts, Program } from '../backends/harness/program.js'
import { packageRoot, runNode, tempFolder } from '../kit/hive-support.js'

const PROGRAMS = JSON.stringify(join(packageRoot(), 'scripts/lib/programs.mjs'))

test('no port is one that the kernel gives to whoever opens a connection meanwhile', async (t) => {
  let range: string
  try {
    range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
  } catch {
    t.skip('this system does not tell')
    return
  }
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number)
  const ports = await freePorts(50)
  assert.equal(new Set(ports).size, 50)
  for (const port of ports) assert.ok(port < first || port > last, `${port} is in ${first} to ${last}`)
})

test('two processes that ask at once are given different ones, also before anything listens', async (t) => {
  // All there are but a few, so that they would meet.
  const ask = `
    import { freePorts } from ${PROGRAMS}
    import { readdirSync, writeFileSync } from 'node:fs'
    console.log(JSON.stringify(await freePorts(400)))
    // Ports are kept until a process ends: none does before all have asked.
    writeFileSync(\`\${process.argv[1]}/\${process.pid}\`, '')
    while (readdirSync(process.argv[1]).length < 4) await new Promise((resolve) => setTimeout(resolve, 20))
  `
  const folder = tempFolder(t)
  const runs = await Promise.all(
    Array.from({ length: 4 }, () => runNode(['--input-type=module', '-e', ask, folder])),
  )
  const ports = runs.flatMap(({ code, stdout, stderr }) => {
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as number[]
  })
  assert.equal(new Set(ports).size, 1_600)
})

/** A program that answers 200 on a port. */
function server(t: TestContext, port: number): Program {
  const code = `
    const { createServer } = await import('node:http')
    createServer((request, response) => response.end()).listen(${port}, '127.0.0.1')
  `
  return new Program(t, {
    name: 'server',
    command: process.execPath,
    args: ['--input-type=module', '-e', code],
    isReady: () => answers(`http://127.0.0.1:${port}/`),
  })
}

test('a program whose port another one has for a moment is started when that is gone', async (t) => {
  const other = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  let isStarted = false
  const program = server(t, port)
  const started = program.start().then(() => {
    isStarted = true
  })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.equal(isStarted, false)
  other.closeAllConnections()
  other.close()
  await started
  await program.kill()
  await program.start()
})

test('a program that ends for another reason is not tried again, and what it said is told', async (t) => {
  const program = new Program(t, {
    name: 'server',
    command: process.execPath,
    args: ['-e', 'console.error("the config is wrong"); process.exit(3)'],
    isReady: () => Promise.resolve(false),
  })
  await assert.rejects(program.start(), /server: it ended by itself\nthe config is wrong/)
})
