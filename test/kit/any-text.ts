import fc from 'fast-check'

const range = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((point) => String.fromCodePoint(point))

/** Any code point that is a character or may become one: all but halves of surrogate pairs. */
const codePoint = fc.oneof(
  range(0, 0x7f),
  range(0x80, 0xd7ff),
  range(0xe000, 0xffff),
  range(0x1_0000, 0x10_ffff),
)

/**
 * Texts of all Unicode, with lengths in code points. fast-check's own (`unit: 'binary'`) makes a table of all characters
 * first, which takes half a second of a processor in every process that asks for one.
 */
export const anyText = (
  lengths: Pick<fc.StringSharedConstraints, 'minLength' | 'maxLength'> = {},
): fc.Arbitrary<string> => fc.string({ ...lengths, unit: codePoint })
