// Asserts what must hold across docker-compose.yml, collector-config/ and scripts/backends.env: images pinned to the
// versions that scripts/backends.sh builds, nothing reachable from outside this machine, each published port one that
// the mounted config listens on, limits and health checks everywhere, no component that the collector is built without.
// scripts/check-configs.mjs does the rest with the real programs, the Compose schema among it.
//
//   node scripts/check-ops.mjs [root]     one line a problem; exit 0 none, 1 some
//
// The compose file is read as text: it is ours, and a YAML parser would be a dependency for one check.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
const problems = []

function lines(file) {
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .map((text, at) => ({ text: text.replace(/(^|\s)#.*$/, '').trimEnd(), where: `${file}:${at + 1}` }))
    .filter(({ text }) => text.trim() !== '')
}

// NAME=value lines, every value a full version.
function pins(file) {
  const found = {}
  for (const { text, where } of lines(file)) {
    const [, name, version] = /^(\w+)=(\d+\.\d+\.\d+)$/.exec(text) ?? []
    if (name) found[name] = version
    else problems.push(`${where}: '${text}' is not NAME=x.y.z`)
  }
  return found
}

// One entry a service: its image, the entries under ports and command, the config files that it mounts, its
// environment, and the names of all its keys.
function services(file) {
  const found = {}
  let section
  let service
  let key
  for (const { text, where } of lines(file)) {
    const indent = text.length - text.trimStart().length
    const word = text.trim()
    if (/\b(network_mode|privileged)\s*:/.test(word)) problems.push(`${where}: '${word}' is not allowed here`)
    if (indent === 0) section = word
    if (section !== 'services:') continue
    if (indent === 2) {
      service = { where, ports: [], command: [], configs: [], env: new Map(), keys: new Set() }
      found[word.slice(0, -1)] = service
    }
    if (indent === 4) {
      key = word.split(':')[0]
      service.keys.add(key)
    }
    if (word.startsWith('image: ')) service.image = { name: word.slice('image: '.length), where }
    if (key === 'ports' && (word.startsWith('- ') || /\[/.test(word))) {
      service.ports.push({ text: word.replace(/^- /, ''), where })
    }
    if (key === 'command' && word.startsWith('- ')) service.command.push(word.replace(/^- /, ''))
    const [, name, value] = /^(\w+): "?(.*?)"?$/.exec(word) ?? []
    if (key === 'environment' && indent === 6 && name) service.env.set(name, value)
    const mount = /^- \.\/(collector-config\/[\w.-]+):/.exec(word)
    // The UI's configuration runs in a browser: it listens nowhere and reads no environment.
    if (mount?.[1].endsWith('.yaml')) service.configs.push(mount[1])
  }
  return found
}

// A config as the collector reads it in that service: each ${env:NAME:-default} replaced.
function resolved(file, env) {
  const text = lines(file)
    .map(({ text }) => text)
    .join('\n')
  return text.replace(
    /\$\{env:(\w+)(?::-([^}]*))?\}/g,
    (_, name, otherwise) => env.get(name) ?? otherwise ?? '',
  )
}

const versions = pins('scripts/backends.env')
const jaeger = `jaegertracing/jaeger:${versions.JAEGER_IMAGE_VERSION}`
const otelcol = `otel/opentelemetry-collector-contrib:${versions.OTELCOL_VERSION}`
const images = {
  jaeger,
  collector: otelcol,
  'gateway-1': otelcol,
  'gateway-2': otelcol,
  kafka: `apache/kafka:${versions.KAFKA_VERSION}`,
  'kafka-to-jaeger': otelcol,
  'jaeger-scale': jaeger,
  'logs-gateway': otelcol,
  'logs-to-victorialogs': otelcol,
  victorialogs: `victoriametrics/victoria-logs:v${versions.VICTORIALOGS_VERSION}`,
  // Not built from source here, so no line of backends.env: any exact version.
  cassandra: /^cassandra:\d+\.\d+\.\d+$/,
}

function fits(image, wanted) {
  return wanted instanceof RegExp ? wanted.test(image) : image === wanted
}

const composed = services('docker-compose.yml')
for (const name of new Set([...Object.keys(images), ...Object.keys(composed)])) {
  const none = { ports: [], command: [], configs: [], env: new Map(), keys: new Set() }
  const { where: at, image, ports, command, configs, env, keys } = composed[name] ?? none
  if (!image || !fits(image.name, images[name])) {
    const has = image
      ? `${image.where}: image '${image.name}'`
      : `docker-compose.yml: service '${name}' without image`
    problems.push(`${has}: expected '${images[name] ?? 'no such service'}', from scripts/backends.env`)
  }
  // The collector's image has no shell and no client to ask with.
  const needed = ['mem_limit', 'restart', 'stop_grace_period', 'cap_drop', 'security_opt']
  if (images[name] !== otelcol) needed.push('healthcheck')
  if (at) {
    for (const key of needed) if (!keys.has(key)) problems.push(`${at}: service '${name}' without ${key}`)
  }
  const config = [...configs.map((file) => resolved(file, env)), ...command].join('\n')
  for (const { text, where } of ports) {
    const [, port] = /^127\.0\.0\.1:(\d+):\1$/.exec(text) ?? []
    if (!port) problems.push(`${where}: port '${text}' is not 127.0.0.1:<n>:<n>`)
    else if (!new RegExp(`(:|port: )${port}$`, 'm').test(config)) {
      problems.push(
        `${where}: nothing in ${configs.map((file) => basename(file)).join(', ') || 'its command'} listens on ${port}`,
      )
    }
  }
  for (const file of configs) {
    for (const variable of env.keys()) {
      const isOurs = /^(COLLECTOR|JAEGER|KAFKA|CASSANDRA|GATEWAY|TAIL|VICTORIALOGS)_/.test(variable)
      const read = new RegExp(`\\{env:${variable}[:}]`)
      if (isOurs && !read.test(readFileSync(join(root, file), 'utf8'))) {
        problems.push(`${at}: ${variable} is set, and ${basename(file)} does not read it`)
      }
    }
  }
}

// Two services cannot have one port of the machine.
const taken = new Map()
for (const [name, { ports }] of Object.entries(composed)) {
  for (const { text, where } of ports) {
    if (taken.has(text)) problems.push(`${where}: port '${text}' is ${taken.get(text)}'s`)
    else taken.set(text, name)
  }
}

// The components that a config names: the keys, two spaces in, of its sections.
function components(file) {
  const found = []
  let section
  for (const { text, where } of lines(file)) {
    const [, indent, name] = /^( *)([\w/]+):/.exec(text) ?? []
    if (indent === '') section = name
    if (indent === '  ' && /^(receivers|processors|exporters|extensions|connectors)$/.test(section ?? '')) {
      found.push({ section, type: name.split('/')[0], where })
    }
  }
  return found
}

// What the builder's manifest puts in: the last word of each module, such as kafkaexporter or filestorage.
const built = new Set()
for (const { text } of lines('collector-config/builder.yaml')) {
  const [, module] = /gomod: \S+\/(\w+) v/.exec(text) ?? []
  if (module) built.add(module)
}
// Components whose names are other than their modules'.
const modules = { otlp_grpc: 'otlp', health_check: 'healthcheck' }
for (const file of readdirSync(join(root, 'collector-config'))) {
  // Jaeger's own configurations name Jaeger's components, which it has.
  if (!file.endsWith('.yaml') || file === 'builder.yaml' || file.startsWith('jaeger')) continue
  for (const { section, type, where } of components(`collector-config/${file}`)) {
    const name = modules[type] ?? type.replaceAll('_', '')
    if (!built.has(`${name}${section.slice(0, -1)}`) && !built.has(name)) {
      problems.push(`${where}: ${section} has '${type}', which builder.yaml does not build`)
    }
  }
}

for (const { text, where } of lines('collector-config/builder.yaml')) {
  const [, module, version] = /(?:gomod: (\S+) v|^ {2}version: )(\S+)$/.exec(text) ?? []
  if (!version) continue
  const name = module?.includes('/confmap/provider/') ? 'OTELCOL_STABLE_VERSION' : 'OTELCOL_VERSION'
  if (version !== versions[name]) problems.push(`${where}: ${version} is not ${name}=${versions[name]}`)
}

// Where the real reader of the file is installed, it has the last word. `config` asks no Docker engine for anything.
if (spawnSync('docker', ['compose', 'version']).status === 0) {
  const compose = [
    'compose',
    '--file',
    join(root, 'docker-compose.yml'),
    '--profile',
    '*',
    'config',
    '--quiet',
  ]
  const { status, stderr } = spawnSync('docker', compose, { encoding: 'utf8' })
  if (status !== 0) problems.push(`docker compose config: ${stderr.trim()}`)
}

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else console.log(`ops: ${Object.keys(composed).length} services: pinned, consistent, loopback only`)
