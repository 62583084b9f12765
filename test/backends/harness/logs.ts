/** VictoriaLogs, a node or a cluster, and the way to it with the configurations that the package ships. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Collector, type Kafka, needed, portable } from './backends.js'
import { answers, freePorts, Program } from './program.js'

export interface Store {
  /** Where lines are sent to. */
  insert: string
  /** Where they are asked for. */
  select: string
  /** Each part of it, in the order in which they are started. */
  parts: Program[]
}

async function victoriaLogs(
  t: TestContext,
  name: string,
  args: string[],
): Promise<{ program: Program; port: number }> {
  const [port] = (await freePorts(1)) as [number]
  const program = new Program(t, {
    name,
    command: needed('VICTORIALOGS'),
    args: [`-httpListenAddr=127.0.0.1:${port}`, '-memory.allowedBytes=256MB', ...args],
    isReady: () => answers(`http://127.0.0.1:${port}/health`),
  })
  return { program, port }
}

/** As in docker-compose.yml: what it takes is on its disk within a second; what is old is kept. */
const stored = (folder: string, name: string): string[] => [
  `-storageDataPath=${join(folder, name)}`,
  '-retentionPeriod=100y',
  '-inmemoryDataFlushInterval=1s',
]

/** One node, not yet started. */
export async function node(t: TestContext, folder: string): Promise<Store> {
  const { program, port } = await victoriaLogs(t, 'victoria-logs', stored(folder, 'victoria-logs'))
  const url = `http://127.0.0.1:${port}`
  return { insert: url, select: url, parts: [program] }
}

/** Three nodes that store, one that takes lines for them, one that asks them; not yet started. */
export async function cluster(t: TestContext, folder: string): Promise<Store> {
  const storages = await Promise.all(
    [1, 2, 3].map((i) => victoriaLogs(t, `storage-${i}`, stored(folder, `storage-${i}`))),
  )
  const nodes = `-storageNode=${storages.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  const insert = await victoriaLogs(t, 'insert', [nodes, '-select.disable'])
  const select = await victoriaLogs(t, 'select', [nodes, '-insert.disable'])
  return {
    insert: `http://127.0.0.1:${insert.port}`,
    select: `http://127.0.0.1:${select.port}`,
    parts: [...storages, insert, select].map(({ program }) => program),
  }
}

/** The Collector that takes lines and writes them to Kafka (`logs-kafka.yaml`), not yet started. */
export const logsToKafka = (t: TestContext, folder: string, broker: Kafka): Promise<Collector> =>
  portable(t, folder, 'logs-to-kafka', 'logs-kafka.yaml', { KAFKA_BROKERS: `[${broker.address}]` })

/** The Collector that brings lines from Kafka to a store (`logs-kafka-to-victorialogs.yaml`), not yet started. */
export const logsFromKafka = (t: TestContext, folder: string, broker: Kafka, to: Store): Promise<Collector> =>
  portable(t, folder, 'logs-from-kafka', 'logs-kafka-to-victorialogs.yaml', {
    KAFKA_BROKERS: `[${broker.address}]`,
    VICTORIALOGS_URL: to.insert,
  })
