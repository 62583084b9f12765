/**
 * The model of the examples: a real one where the environment has a key for it (`OPENAI_API_KEY`, and `OPENAI_BASE_URL`
 * for another provider that speaks OpenAI's interface), else a fake one on loopback that gives prepared answers.
 */
import { ModelServer } from '../../test/frameworks/kit/model-server.mjs'

/**
 * @param turns what the fake model answers; see model-server.mjs
 * @returns what ends the fake model; nothing is to be ended with a real one
 */
export async function useModel(turns) {
  if (process.env.OPENAI_API_KEY) return async () => {}
  const server = await ModelServer.start(turns)
  Object.assign(process.env, server.env)
  console.log('No OPENAI_API_KEY is set: a fake model answers.\n')
  return () => server.close()
}
