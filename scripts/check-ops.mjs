// Asserts what must hold across docker-compose.yml, collector-config/ and scripts/backends.env: images pinned to the
// versions that scripts/backends.sh builds, nothing reachable from outside this machine, each published port one that
// the mounted config listens on.
//
//   node scripts/check-ops.mjs [root]     one line a problem; exit 0 none, 1 some
//
// The compose file is read as text: it is ours, and a YAML parser would be a dependency for one check.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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

// One entry a service: its image, the entries under ports, the config files that it mounts.
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
      service = { where, ports: [], configs: [] }
      found[word.slice(0, -1)] = service
    }
    if (indent === 4) key = word.split(':')[0]
    if (word.startsWith('image: ')) service.image = { name: word.slice('image: '.length), where }
    if (key === 'ports' && (word.startsWith('- ') || /\[/.test(word))) {
      service.ports.push({ text: word.replace(/^- /, ''), where })
    }
    const mount = /^- \.\/(collector-config\/[\w.-]+):/.exec(word)
    if (mount) service.configs.push(mount[1])
  }
  return found
}

const versions = pins('scripts/backends.env')
const images = {
  jaeger: `jaegertracing/jaeger:${versions.JAEGER_VERSION}`,
  collector: `otel/opentelemetry-collector-contrib:${versions.OTELCOL_VERSION}`,
}

const composed = services('docker-compose.yml')
for (const name of new Set([...Object.keys(images), ...Object.keys(composed)])) {
  const { image, ports, configs } = composed[name] ?? { ports: [], configs: [] }
  if (!image || image.name !== images[name]) {
    const has = image
      ? `${image.where}: image '${image.name}'`
      : `docker-compose.yml: service '${name}' without image`
    problems.push(`${has}: expected '${images[name] ?? 'no such service'}', from scripts/backends.env`)
  }
  const config = configs
    .map((file) =>
      lines(file)
        .map(({ text }) => text)
        .join('\n'),
    )
    .join('\n')
  for (const { text, where } of ports) {
    const [, port] = /^127\.0\.0\.1:(\d+):\1$/.exec(text) ?? []
    if (!port) problems.push(`${where}: port '${text}' is not 127.0.0.1:<n>:<n>`)
    else if (!new RegExp(`(:|port: )${port}$`, 'm').test(config)) {
      problems.push(
        `${where}: nothing in ${configs.map((file) => basename(file)).join(', ')} listens on ${port}`,
      )
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
    'collector',
    'config',
    '--quiet',
  ]
  const { status, stderr } = spawnSync('docker', compose, { encoding: 'utf8' })
  if (status !== 0) problems.push(`docker compose config: ${stderr.trim()}`)
}

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else console.log(`ops: ${Object.values(images).join(', ')}: pinned, consistent, loopback only`)
