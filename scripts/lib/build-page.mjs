// Builds the page from src/page/ into dist/page/: one script, one style sheet, both named by their content, and the
// document that names them. All that it is made of is there: no other host is asked for anything.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** What the page's script may weigh, gzipped. */
export const MAX_SCRIPT_BYTES = 80 * 1024

/** `src/text/` names one thing of node:path, for terminals; a page has no files. */
const withoutPath = {
  name: 'no-node-path',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:path$/ }, () => ({ path: 'path', namespace: 'none', sideEffects: false }))
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({
      contents: "export const basename = (path) => path.slice(path.lastIndexOf('/') + 1)",
    }))
  },
}

export async function buildPage() {
  rmSync('dist/page', { recursive: true, force: true })
  mkdirSync('dist/page/assets', { recursive: true })
  const { outputFiles } = await build({
    entryPoints: ['src/page/main.tsx'],
    outdir: 'dist/page',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    plugins: [withoutPath],
  })
  const names = {}
  for (const { path, contents } of outputFiles) {
    const kind = path.endsWith('.css') ? 'css' : 'js'
    const hash = createHash('sha256').update(contents).digest('hex').slice(0, 12)
    names[kind] = `page-${hash}.${kind}`
    writeFileSync(`dist/page/assets/${names[kind]}`, contents)
    if (kind === 'js') checkScript(contents)
  }
  const document = readFileSync('src/page/index.html', 'utf8')
    .replace('<!--style-->', `<link rel="stylesheet" href="/assets/${names.css}">`)
    .replace('<!--script-->', `<script type="module" src="/assets/${names.js}"></script>`)
  writeFileSync('dist/page/index.html', document)
}

function checkScript(contents) {
  const bytes = gzipSync(contents).length
  if (bytes > MAX_SCRIPT_BYTES) {
    console.error(`the page's script has ${bytes} bytes gzipped; it may have ${MAX_SCRIPT_BYTES}`)
    process.exit(1)
  }
  // A report puts it between tags.
  if (Buffer.from(contents).toString().toLowerCase().includes('</script')) {
    console.error("the page's script holds the end of a script element")
    process.exit(1)
  }
}
