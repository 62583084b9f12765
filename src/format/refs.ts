/** The artifacts that lines name by their hash, found without decoding the lines. */

const REF = Buffer.from('"ref":"')
const REF_LENGTH = 64

/**
 * Each once. Text of an agent that looks like one is found too: who stores artifacts knows which there are. They are
 * found byte by byte where they can be, since a mebibyte as text would hold up the agent's own work.
 */
export function refsIn(bytes: Buffer): string[] {
  const refs = new Set<string>()
  for (let at = bytes.indexOf(REF); at !== -1; at = bytes.indexOf(REF, at + 1)) {
    const from = at + REF.length
    const ref = bytes.toString('latin1', from, from + REF_LENGTH + 1)
    if (/^[0-9a-f]{64}"$/.test(ref)) refs.add(ref.slice(0, -1))
  }
  return [...refs]
}
