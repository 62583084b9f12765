/**
 * A hive that the environment has sent to a server (`AGENT_LOG_ENDPOINT`): `FILE COUNT HOW`. It tells so many events, and
 * ends by `shutdown`, by `exit` in the middle, or by `idle`, having nothing to do any more.
 */
import { startHive } from '../../src/index.js'

const [file = '', count = '0', how = 'shutdown'] = process.argv.slice(2)
const hive = startHive({ file, otlp: false })
const agent = hive.spawn({ agentId: 'lead' })
for (let i = 0; i < Number(count); i++) agent.log('note', { i })
if (how === 'exit') process.exit(0)
if (how === 'shutdown') await hive.shutdown()
