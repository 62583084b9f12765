/** Jaeger and the Collector with the configuration that the package ships, moved to free ports and a folder of its own. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { packageRoot } from '../../kit/hive-support.js'
import { answers, freePorts, Program } from './program.js'

/** Path of a real program, as `scripts/test-backends.mjs` passes it; `undefined` where it is missing. */
function binary(name: Name): string | undefined {
  return process.env[`HIVELOG_TEST_${name}`] || undefined
}

export type Name = 'JAEGER' | 'OTELCOL' | 'KAFKA' | 'VICTORIALOGS'

/** Why a test is skipped that needs these programs; `false` when they are there. */
export function without(...names: Name[]): string | false {
  const missing = names.filter((name) => binary(name) === undefined)
  return missing.length > 0 && `missing: ${missing.join(', ').toLowerCase()}`
}

export function needed(name: Name): string {
  const path = binary(name)
  if (path === undefined) throw new Error(`HIVELOG_TEST_${name} is not set: run scripts/test-backends.mjs`)
  return path
}

/** Writes a shipped configuration with other ports into `folder`. Returns its path, and the new port of each old one. */
async function moved(folder: string, name: string, config: string, ports: readonly number[]) {
  const free = await freePorts(ports.length)
  const at = new Map(ports.map((port, i) => [port, free[i] as number]))
  let text = readFileSync(join(packageRoot(), 'collector-config', config), 'utf8')
  for (const [port, other] of at) text = text.replace(new RegExp(`(:|port: )${port}\\b`, 'g'), `$1${other}`)
  const path = join(folder, `${name}.yaml`)
  writeFileSync(path, text)
  return { path, at: (port: number): number => at.get(port) as number }
}

export interface Jaeger extends Program {
  /** OTLP over HTTP, for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string
  /** OTLP over gRPC, host and port. */
  readonly grpc: string
  /** The query API. */
  readonly query: string
}

/** A Jaeger with `jaeger.yaml`, not yet started; with `store` `memory` it keeps traces in memory instead. */
export async function jaeger(
  t: TestContext,
  folder: string,
  store: 'badger' | 'memory' = 'badger',
): Promise<Jaeger> {
  const name = `jaeger-${store}`
  const { path, at } = await moved(folder, name, 'jaeger.yaml', [13133, 16686, 16685, 4317, 4318, 8888])
  if (store === 'memory') {
    const text = readFileSync(path, 'utf8')
    const badger = /^ {8}badger:\n(?: {10}.*\n|\s*\n)+/m
    if (!badger.test(text)) throw new Error('jaeger.yaml has another store than the test knows')
    writeFileSync(path, text.replace(badger, '        memory:\n          max_traces: 1000\n\n'))
  }
  const program = new Program(t, {
    name,
    command: needed('JAEGER'),
    args: ['--config', path],
    env: { JAEGER_DATA_DIR: join(folder, name), OTEL_TRACES_SAMPLER: 'always_off' },
    isReady: () => answers(`http://127.0.0.1:${at(13133)}/status`),
  })
  return Object.assign(program, {
    endpoint: `http://127.0.0.1:${at(4318)}`,
    grpc: `127.0.0.1:${at(4317)}`,
    query: `http://127.0.0.1:${at(16686)}`,
  })
}

export interface Collector extends Program {
  readonly endpoint: string
}

/** The Collector with `local.yaml` in front of a Jaeger, not yet started. */
export async function collector(t: TestContext, folder: string, to: Jaeger): Promise<Collector> {
  const { path, at } = await moved(folder, 'local', 'local.yaml', [4327, 4328, 13134, 8889])
  const program = new Program(t, {
    name: 'collector',
    command: needed('OTELCOL'),
    args: ['--config', path],
    env: { COLLECTOR_DATA_DIR: join(folder, 'collector'), JAEGER_OTLP_ENDPOINT: to.grpc },
    isReady: () => answers(`http://127.0.0.1:${at(13134)}/`),
  })
  return Object.assign(program, { endpoint: `http://127.0.0.1:${at(4328)}` })
}

/** The Collector with a configuration that takes its ports from the environment, not yet started. */
export async function portable(
  t: TestContext,
  folder: string,
  name: string,
  config: string,
  env: NodeJS.ProcessEnv,
): Promise<Collector> {
  const [grpc, http, health, metrics] = await freePorts(4)
  const program = new Program(t, {
    name,
    command: needed('OTELCOL'),
    args: ['--config', join(packageRoot(), 'collector-config', config)],
    env: {
      COLLECTOR_DATA_DIR: join(folder, name),
      COLLECTOR_GRPC_PORT: String(grpc),
      COLLECTOR_HTTP_PORT: String(http),
      COLLECTOR_HEALTH_PORT: String(health),
      COLLECTOR_METRICS_PORT: String(metrics),
      ...env,
    },
    isReady: () => answers(`http://127.0.0.1:${health}/`),
  })
  return Object.assign(program, { endpoint: `http://127.0.0.1:${http}` })
}

/** The Collector that writes to Kafka (`kafka.yaml`), not yet started. */
export function toKafka(t: TestContext, folder: string, broker: Kafka): Promise<Collector> {
  return portable(t, folder, 'to-kafka', 'kafka.yaml', { KAFKA_BROKERS: `[${broker.address}]` })
}

/** The Collector that reads from Kafka (`kafka-to-jaeger.yaml`), not yet started. */
export function fromKafka(t: TestContext, folder: string, broker: Kafka, to: Jaeger): Promise<Collector> {
  return portable(t, folder, 'from-kafka', 'kafka-to-jaeger.yaml', {
    KAFKA_BROKERS: `[${broker.address}]`,
    JAEGER_OTLP_ENDPOINT: to.grpc,
  })
}

export interface Kafka extends Program {
  /** Host and port of the broker. */
  readonly address: string
}

/** One Kafka node with `scripts/kafka/server.properties`, formatted and not yet started. */
export async function kafka(t: TestContext, folder: string): Promise<Kafka> {
  const [port, controller] = (await freePorts(2)) as [number, number]
  const settings = join(packageRoot(), 'scripts/kafka')
  const properties = join(settings, 'server.properties')
  const env = {
    ...process.env,
    KAFKA_DATA_DIR: join(folder, 'kafka'),
    KAFKA_PORT: String(port),
    KAFKA_CONTROLLER_PORT: String(controller),
  }
  const java = [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    `-Dlog4j2.configurationFile=${join(settings, 'log4j2.properties')}`,
    '-cp',
    `${join(needed('KAFKA'), 'libs')}/*`,
  ]
  const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', randomBytes(16).toString('base64url')]
  const run = spawnSync('java', [...java, ...format, '--config', properties], { env, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`Kafka's storage cannot be formatted: ${run.stdout}${run.stderr}`)
  const program = new Program(t, {
    name: 'kafka',
    command: 'java',
    args: [...java, 'kafka.Kafka', properties],
    env,
    isReady: () => takesConnections(port),
  })
  return Object.assign(program, { address: `127.0.0.1:${port}` })
}

/** Whether somebody listens on a port: Kafka does when it has read its data. */
function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
