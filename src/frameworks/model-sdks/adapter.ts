/**
 * Model calls by the providers' own clients (OpenAI, Anthropic, Google, and all that speak like them), read off the
 * wire: who is asked, and what the answer says of its tokens. The clients are not touched, and of what is asked and
 * answered only the model's name, the answer's id and the counts are looked at.
 */
import { watchRequests } from '../http/requests.js'
import type { Adapter } from '../stage.js'
import { Background } from './background.js'
import { endpointOf } from './dialects.js'
import { ModelCall } from './model-call.js'

export const adapter: Adapter = {
  name: 'model SDKs',
  install(stage) {
    stage.seesRequests = true
    const background = new Background(stage)
    watchRequests(stage, (request) => {
      const endpoint = endpointOf(request.method, request.host, request.path)
      if (endpoint !== undefined) return new ModelCall(stage, request, endpoint, background)
      const begun = background.asked(request)
      return begun && new ModelCall(stage, request, begun.endpoint, background, begun)
    })
  },
}
