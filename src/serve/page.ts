/** The page's files: built into `dist/page/`, read once, the same for everybody. What it shows it asks the API for. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HttpError } from './http.js'
import type { Route } from './router.js'

/** Nothing from elsewhere, nothing written into the document, nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
}

export interface PageFile {
  name: string
  content: Buffer
}

/**
 * The built page: its document and what that names.
 * @throws {HttpError} when the package was not built
 */
export function pageFiles(): { document: Buffer; assets: PageFile[] } {
  // From a bundle in dist/, and from the modules that tests run.
  const folder = ['../page', '../../../dist/page', '../../dist/page']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(join(path, 'index.html')))
  if (folder === undefined) throw new HttpError(503, 'the page was not built; npm run build')
  const assets = readdirSync(join(folder, 'assets')).map((name) => ({
    name,
    content: readFileSync(join(folder, 'assets', name)),
  }))
  return { document: readFileSync(join(folder, 'index.html')), assets }
}

/** `GET /` and `GET /assets/NAME`; both need no token. */
export function pageRoutes(): Route[] {
  let files: ReturnType<typeof pageFiles> | undefined
  const read = () => {
    files ??= pageFiles()
    return files
  }
  return [
    {
      method: 'GET',
      path: '/',
      run: ({ response }) => send(response, 'html', read().document, 'no-cache'),
    },
    {
      method: 'GET',
      path: /\/assets\/([a-z0-9.-]+)/,
      run: ({ response, params }) => {
        const file = read().assets.find(({ name }) => name === params[0])
        if (file === undefined) throw new HttpError(404, 'the page has no such file')
        // Named by its content: it never changes.
        const type = file.name.slice(file.name.lastIndexOf('.') + 1)
        send(response, type, file.content, 'public, max-age=31536000, immutable')
      },
    },
  ]
}

function send(response: ServerResponse, type: string, content: Buffer, cache: string): undefined {
  response.writeHead(200, {
    'content-type': TYPES[type] ?? 'application/octet-stream',
    'content-length': content.length,
    'cache-control': cache,
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  })
  response.end(content)
  return undefined
}
