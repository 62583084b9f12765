/** The page's start: which transport, which theme, then everything is drawn. */
import { render } from 'preact'
import { App } from './app.js'
import { HttpTransport } from './data/http.js'
import { begin } from './data/open.js'
import { reportTransport } from './data/report.js'
import { now, transport } from './data/store.js'
import { restoreTheme } from './parts/theme.js'
import './style/page.css'

restoreTheme()
transport.value = reportTransport() ?? new HttpTransport()
setInterval(() => {
  now.value = Date.now()
}, 1_000)
const root = document.getElementById('app')
if (root !== null) {
  root.textContent = ''
  render(<App />, root)
}
begin()
