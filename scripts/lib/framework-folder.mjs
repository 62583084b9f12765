/** A framework's folder of test/frameworks/ made ready: its packages installed, and hivelog among them. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'

/**
 * Installs what a folder's lock file says, if that is not there already.
 * @param latest without the lock file, each package in its newest version
 * @throws {Error} with what npm said
 */
export async function install(folder, { latest = false } = {}) {
  const lock = join(folder, 'package-lock.json')
  const manifest = join(folder, 'package.json')
  const stamp = join(folder, 'node_modules/.hivelog-installed')
  const wanted = createHash('sha256')
    .update(readFileSync(latest ? manifest : lock))
    .digest('hex')
  if (!latest && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  // A framework may ask for a newer Node than the one that installs it.
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--engine-strict=false']
  await npm(folder, latest ? ['install', ...quiet] : ['ci', ...quiet])
  writeFileSync(stamp, wanted)
}

function npm(cwd, args) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const hear = (text) => {
      said += text
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`npm ${args[0]} in ${cwd} ended with ${code}:\n${said}`))
    })
  })
}

/**
 * The packages asked for in their newest versions; an alias (`npm:ai@5`) says which major it is there for, and stays. What
 * the manifest's `hivelog.within` names is what its folder is about, or what its framework asks for: the newest that a
 * caret allows.
 */
export function newest(manifest) {
  const within = manifest.hivelog?.within ?? []
  const of = (dependencies = {}) =>
    Object.fromEntries(
      Object.entries(dependencies).map(([name, version]) => {
        if (version.startsWith('npm:')) return [name, version]
        return [name, within.includes(name) ? `^${version}` : 'latest']
      }),
    )
  return {
    ...manifest,
    dependencies: of(manifest.dependencies),
    devDependencies: of(manifest.devDependencies),
  }
}

/**
 * What a folder has of the packages that its manifest asks for.
 * @param pinned the manifest with the versions that the repository says
 * @returns one text a package: its name and version, and the pinned one where that is another
 */
export function versionsIn(folder, pinned) {
  return Object.entries({ ...pinned.dependencies, ...pinned.devDependencies }).map(([name, asked]) => {
    const file = join(folder, 'node_modules', name, 'package.json')
    if (!existsSync(file)) return `${name} missing`
    const { version } = JSON.parse(readFileSync(file, 'utf8'))
    const wanted = asked.slice(asked.lastIndexOf('@') + 1)
    return version === wanted ? `${name} ${version}` : `${name} ${version} (pinned ${wanted})`
  })
}

const API = 'node_modules/@opentelemetry/api'

/**
 * Puts the built package where `npm install hivelog` would: its own dependencies under it, as npm does where versions
 * differ, and OpenTelemetry's API as the application has it, if that is of the same minor version.
 * @param from where the package lies: its package.json and dist. Default: what is built in `root`
 */
export function putHivelog(root, folder, from = root) {
  const modules = join(folder, 'node_modules')
  const target = join(modules, 'hivelog')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  copyFileSync(join(from, 'package.json'), join(target, 'package.json'))
  cpSync(join(from, 'dist'), join(target, 'dist'), { recursive: true })
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  for (const [path, { dev, optional }] of Object.entries(packages)) {
    if (path === '' || dev || (optional && !existsSync(join(root, path)))) continue
    const isShared = path === API && isSameMinor(join(root, path), join(folder, path))
    if (!isShared) linkTree(join(root, path), join(target, path))
  }
}

/** Whether the package is in the other folder too, with the same minor version. */
function isSameMinor(...folders) {
  const [one, two] = folders.map((folder) => {
    const manifest = join(folder, 'package.json')
    if (!existsSync(manifest)) return undefined
    return JSON.parse(readFileSync(manifest, 'utf8')).version.split('.', 2).join('.')
  })
  return one === two
}

/** Lets a folder use the packages of another. */
export function shareModules(folder, from) {
  const link = join(folder, 'node_modules')
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(link)
  if (!existsSync(link)) symlinkSync(relative(folder, join(from, 'node_modules')), link)
}

/** A copy that takes no room; a real one where the file system has no hard links, or it is another one. */
function linkTree(from, to) {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    // Nested packages have entries of their own in the lock file.
    if (entry.name === 'node_modules') continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(source, target)
    else {
      mkdirSync(dirname(target), { recursive: true })
      try {
        linkSync(source, target)
      } catch {
        copyFileSync(source, target)
      }
    }
  }
}
