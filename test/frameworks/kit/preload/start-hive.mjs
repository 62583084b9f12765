/** What an application does that starts a hive itself: two lines, before it loads its framework. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const application = createRequire(join(process.cwd(), 'package.json'))
const { startHive } = await import(pathToFileURL(application.resolve('hivelog')).href)

const hive = startHive()
hive.instrument()
process.once('beforeExit', () => hive.shutdown())
