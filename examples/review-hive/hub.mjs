/** A reviewer's line to the coordinating process. Every call is answered, so nothing is lost when the process ends. */
const waiting = new Map()
let calls = 0

process.on('message', ({ call, value, error }) => {
  const { resolve, reject } = waiting.get(call)
  waiting.delete(call)
  if (error === undefined) resolve(value)
  else reject(new Error(error))
})
// Without a coordinator there is nobody to work for.
process.on('disconnect', () => process.exit())
// Ctrl-C reaches all processes of the terminal; it is the coordinator that ends this one.
process.on('SIGINT', () => {})

/** Id of the agent that this process is. */
export const self = process.env.AGENT_ID

function ask(type, input) {
  const call = ++calls
  process.send({ call, type, ...input })
  return new Promise((resolve, reject) => waiting.set(call, { resolve, reject }))
}

/** Sends `{ to, act, subject, body?, inReplyTo?, requiresReply? }`; resolves to the message's id. */
export const message = (input) => ask('message', input)

/** Takes the messages `{ id, from, act, subject, body }` that are there, or the first to come. */
export const drain = () => ask('drain', {})

/** Records an event of a kind of its own. */
export const log = (kind, fields) => ask('log', { kind, fields })

/** Asks the human about a risk; resolves to the decision `{ approve, by, note }`. */
export const escalate = (subject, risk) => ask('escalate', { subject, risk })

/** Runs `work` and records it as a tool, with the time it took and whether it failed. */
export async function tool(name, work) {
  const since = performance.now()
  const record = (result) => ask('tool', { name, ms: Math.round(performance.now() - since), ...result })
  try {
    const value = await work()
    await record({ ok: true })
    return value
  } catch (error) {
    await record({ ok: false, error: error.message })
    throw error
  }
}

/** Runs `work` while no other agent has `resource`. */
export async function withLock(resource, work) {
  await ask('acquire', { resource })
  try {
    return await work()
  } finally {
    await ask('release', { resource })
  }
}

/** Ends this process. */
export const leave = () => process.disconnect()
