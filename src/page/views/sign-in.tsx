/** Asked for when the server does not know who looks. */
import { useState } from 'preact/hooks'
import { enter, signIn } from '../data/open.js'
import { take } from '../data/store.js'

export function SignIn() {
  const [token, setToken] = useState('')
  const [said, setSaid] = useState('')
  const send = async (event: Event) => {
    event.preventDefault()
    try {
      if (await signIn(token.trim())) await enter()
      else setSaid('The server does not know this token.')
    } catch (error) {
      setSaid(take(error)?.message ?? '')
    }
  }
  return (
    <main class="sign-in">
      <form onSubmit={send}>
        <h1>hivelog</h1>
        <p>
          Open the address that <code>hivelog serve</code> printed, or paste its token here.
        </p>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <p class="said" role="alert">
          {said}
        </p>
        <button type="submit" class="primary">
          Open
        </button>
      </form>
    </main>
  )
}
