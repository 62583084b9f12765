// What scripts need that run real programs beside themselves.
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** Below it are ports that other programs like. */
const LOWEST_PORT = 10_000
/** Ports of a range that are enough to choose from. */
const ENOUGH_PORTS = 1_000
/** Holds what `freePorts` gave, for as long as this process lives. */
const reservations = []

/**
 * Loopback ports that nobody listens on, and that nobody is given before the program listens that they are for, or
 * while it is down: none is of the range from which the kernel takes one for every connection and for every `listen(0)`,
 * and each is reserved, by a UDP socket of the same number, against others who ask here.
 */
export async function freePorts(count) {
  const [from, to] = quietPorts()
  const ports = []
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 100 * count) throw new Error(`no ${count} ports between ${from} and ${to} are free`)
    const port = randomInt(from, to + 1)
    if ((await reserve(port)) && (await isFree(port))) ports.push(port)
  }
  return ports
}

function quietPorts() {
  let [first, last] = [32_768, 60_999]
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
    ;[first, last] = range.trim().split(/\s+/).map(Number)
  } catch {
    // Other systems have the range that IANA names, which is within this one.
  }
  if (first - LOWEST_PORT >= ENOUGH_PORTS) return [LOWEST_PORT, first - 1]
  return 65_535 - last >= ENOUGH_PORTS ? [last + 1, 65_535] : [LOWEST_PORT, 65_535]
}

function reserve(port) {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref()
      reservations.push(socket)
      resolve(true)
    })
  })
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Waits until `probe` gives something, and gives that. */
export async function until(what, probe, ms = 60_000) {
  const end = Date.now() + ms
  let last
  while (Date.now() < end) {
    try {
      const value = await probe()
      if (value) return value
    } catch (error) {
      last = error
    }
    await pause(100)
  }
  throw new Error(`${what}: not within ${ms} ms${last ? `: ${last.message}` : ''}`)
}
