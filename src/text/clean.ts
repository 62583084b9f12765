/**
 * Makes text harmless for whatever shows it. What a log holds was written by strangers: a terminal must not obey it,
 * and a person must see all of it.
 *
 * Shown as an escape, `\u202e` for one: controls (C0, DEL, C1; with them every escape sequence is just text), marks
 * that turn the direction of writing, line and paragraph separators, lone surrogates, and everything that Unicode
 * wants shown as nothing, tag characters and soft hyphens among it. The escape is that of JSON, UTF-16 unit by unit,
 * so JSON stays the same value.
 *
 * Left as they are, because real text needs them and they hide nothing there: a joiner between emoji or between
 * letters of scripts that join, and one variation selector after a character that has variants.
 */

/** Nothing in text made of these alone needs a closer look. */
const HARMFUL = /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Cs}\u2028\u2029\ufff9-\ufffb]/u
const EACH_HARMFUL = new RegExp(HARMFUL, 'gu')

const BLANKS = /[\t\n\r]+/g

/** Scripts whose letters a joiner or non-joiner between them shapes. */
const JOINING =
  '[\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Mongolian}\\p{Script=Nko}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gurmukhi}\\p{Script=Gujarati}\\p{Script=Oriya}\\p{Script=Tamil}\\p{Script=Telugu}\\p{Script=Kannada}\\p{Script=Malayalam}\\p{Script=Sinhala}\\p{Script=Khmer}\\p{Script=Myanmar}]'
const EMOJI_BEFORE = '\\p{Extended_Pictographic}[\\p{Emoji_Modifier}\\ufe0f]?'

/** Where a mark does what it was made for. */
const RIGHTFUL = new RegExp(
  [
    `(?<=${EMOJI_BEFORE})\\u200d(?=\\p{Extended_Pictographic})`,
    `(?<=${JOINING})[\\u200c\\u200d](?=${JOINING})`,
    '(?<=\\p{Extended_Pictographic}\\p{Emoji_Modifier}?)[\\ufe0e\\ufe0f]',
    '(?<=[0-9#*])\\ufe0f(?=\\u20e3)',
    '(?<=\\p{Script=Han})[\\ufe00-\\ufe02\\u{e0100}-\\u{e01ef}]',
  ].join('|'),
  'gu',
)

const escapeOf = (character: string): string => {
  let escaped = ''
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
  return escaped
}

/** The text with everything that could be obeyed, or would not be seen, as an escape. */
export function visible(text: string): string {
  if (!HARMFUL.test(text)) return text
  const rightful = new Set(Array.from(text.matchAll(RIGHTFUL), ({ index }) => index))
  return text.replace(EACH_HARMFUL, (character, index: number) =>
    rightful.has(index) ? character : escapeOf(character),
  )
}

/** The same as one line: runs of tabs and line ends become a space. */
export function clean(text: string): string {
  return visible(text.replace(BLANKS, ' '))
}

/** White space that is not seen as what it is: all but one plain space between two characters. */
const ODD_SPACE = /^ | $|(?<= ) |[^\S ]|\u2800/u
const TO_ESCAPE = new RegExp(`${ODD_SPACE.source}|${HARMFUL.source}|["\\\\]`, 'gu')

/**
 * An id on one line, so that no two ids are shown alike because of characters that are not seen: one with white space
 * other than a plain space between two characters, with a backslash, or that begins with a quotation mark is shown as a
 * JSON string, with escapes.
 */
export function shownId(id: string): string {
  if (!ODD_SPACE.test(id) && !id.includes('\\') && !id.startsWith('"')) return visible(id)
  const escaped = id.replace(TO_ESCAPE, (part) =>
    part === '"' || part === '\\' ? `\\${part}` : escapeOf(part),
  )
  return `"${escaped}"`
}

/** The id that a person gives as it was shown in quotation marks; any other is as it is. */
export function givenId(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const UNSEEN = new RegExp(`(?:\\s|\\u2800|${HARMFUL.source})+`, 'gu')

/** What ids have in common that look the same to a person who does not look closely. */
export const likenessOf = (id: string): string => id.normalize('NFKC').replace(UNSEEN, ' ').trim()

const BETWEEN_TOKENS = /[\t\n\r]/g

/** The JSON text of a value, which stays the same value. */
export function visibleJson(json: string): string {
  // Control characters below the space can only stand between tokens there.
  return visible(json.replace(BETWEEN_TOKENS, ' '))
}
