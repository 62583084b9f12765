/** Opens a log again, approves `ID` in code and ends at once: `FILE ID exit|shutdown|flush`. */
import { startHive } from '../../src/index.js'

const [file = '', id = '', how] = process.argv.slice(2)
const hive = startHive({ file, otlp: false })
const approved = hive.approve(id, true, { by: 'bo' })
if (how === 'exit') process.exit(0)
else if (how === 'flush') {
  await hive.flush()
  process.kill(process.pid, 'SIGKILL')
}
await hive.shutdown()
await approved
