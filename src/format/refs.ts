/** The artifacts that lines name by their hash, found without decoding the lines. */

const REF = /"ref":"([0-9a-f]{64})"/g

/** Each once. Text of an agent that looks like one is found too: who stores artifacts knows which there are. */
export const refsIn = (bytes: Buffer): string[] =>
  bytes.includes('"ref":"')
    ? [...new Set(Array.from(bytes.toString('latin1').matchAll(REF), ([, ref]) => ref as string))]
    : []
