/**
 * URL of a door of hivelog for programs of a test: as `--import`, or in a text that Node evaluates. It and what is in
 * test/programs/ load the same few files, which scripts/build.mjs makes.
 */
export const door = (name: 'index' | 'register'): string =>
  new URL(`../../doors/${name}.js`, import.meta.url).href
