/** Light or dark: as the system says, until the viewer says otherwise. */
import { signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'
export const theme = signal<Theme>('auto')

const KEY = 'hivelog-theme'

export function restoreTheme(): void {
  const kept = read()
  setTheme(kept === 'light' || kept === 'dark' ? kept : 'auto')
}

export function setTheme(next: Theme): void {
  theme.value = next
  if (next === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = next
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // A browser that keeps nothing: then for this time only.
  }
}

export function turnTheme(): void {
  const isDark =
    theme.value === 'dark' || (theme.value === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches)
  setTheme(isDark ? 'light' : 'dark')
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
