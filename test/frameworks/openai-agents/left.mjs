/** Streams that nobody reads to their end. The interface is the first argument: `responses` or `chat_completions`. */
import { Agent, run, setOpenAIAPI, setTraceProcessors } from '@openai/agents'

// Nothing is sent to OpenAI.
setTraceProcessors([])
setOpenAIAPI(process.argv[2])

const isWord = ({ type, data }) => type === 'raw_model_stream_event' && data.type === 'output_text_delta'

for (const name of ['left', 'aborted']) {
  const agent = new Agent({ name, instructions: 'Do it.', model: 'gpt-fake' })
  const aborting = new AbortController()
  const stream = await run(agent, `say much, ${name}`, { stream: true, signal: aborting.signal })
  try {
    for await (const event of stream) {
      if (!isWord(event)) continue
      if (name === 'left') break
      aborting.abort()
    }
    await stream.completed
  } catch {
    // What a run does that was aborted is not the point.
  }
  console.log(name)
}
