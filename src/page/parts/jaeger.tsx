/** The same moment in Jaeger, where one runs: its address is the viewer's own setting. */
import { signal } from '@preact/signals'

const KEY = 'hivelog-jaeger'
const HEX = /^[0-9a-f]{16,32}$/

const base = signal(kept() ?? 'http://localhost:16686')

export function JaegerLink({ trace, span }: { trace: string; span: unknown }) {
  if (!HEX.test(trace)) return null
  const place = typeof span === 'string' && HEX.test(span) ? `?uiFind=${span}` : ''
  return (
    <div class="jaeger">
      <a href={`${base.value}/trace/${trace}${place}`} target="_blank" rel="noreferrer noopener">
        Trace in Jaeger
      </a>
      <details>
        <summary>where Jaeger is</summary>
        <label>
          Jaeger’s address
          <input type="url" value={base.value} onChange={(event) => keep(event.currentTarget.value)} />
        </label>
      </details>
    </div>
  )
}

function keep(text: string): void {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return
  base.value = url.href.replace(/\/$/, '')
  try {
    localStorage.setItem(KEY, base.value)
  } catch {
    // A browser that keeps nothing: then for this time only.
  }
}

function kept(): string | null {
  try {
    const url = localStorage.getItem(KEY)
    return url !== null && /^https?:\/\//.test(url) ? url : null
  } catch {
    return null
  }
}
