/**
 * The little of WebAssembly's binary format (core specification 2.0, chapter 5) that `scan.ts` is written in. Its 16
 * bytes at a time are the only way in Node to look at every byte of a log at the speed of memory; to put the code
 * together here keeps it readable, where a compiled blob would have to be believed.
 */

/** Instructions: bytes, in any nesting. */
export type Code = number | readonly Code[]

export const I32 = 0x7f
export const I64 = 0x7e
export const V128 = 0x7b

/** Unsigned LEB128, as counts and indices are written. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** Signed LEB128, as constants are written. */
function signed(value: bigint): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)]
/** Alignment 0: any address will do. */
const at = (offset: number): number[] => [0, ...unsigned(offset)]

export const get = (local: number): Code => [0x20, unsigned(local)]
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)]
/** Sets a local, and leaves the value there. */
export const tee = (local: number, value: Code): Code => [value, 0x22, unsigned(local)]

/** What `br` leaves by going to its end. Depth 0 is the innermost. */
export const block = (...body: Code[]): Code => [0x02, 0x40, body, 0x0b]
/** What `br` runs again by going to its start. */
export const loop = (...body: Code[]): Code => [0x03, 0x40, body, 0x0b]
export const when = (condition: Code, then: Code[], otherwise?: Code[]): Code => [
  condition,
  0x04,
  0x40,
  then,
  otherwise === undefined ? [] : [0x05, otherwise],
  0x0b,
]
export const br = (depth: number): Code => [0x0c, unsigned(depth)]
export const brIf = (depth: number, condition: Code): Code => [condition, 0x0d, unsigned(depth)]

export const i32 = (value: number): Code => [0x41, signed(BigInt(value))]
export const i64 = (value: bigint): Code => [0x42, signed(value)]

const binary =
  (...opcode: number[]) =>
  (a: Code, b: Code): Code => [a, b, opcode]
const unary =
  (...opcode: number[]) =>
  (a: Code): Code => [a, opcode]

export const eqz = unary(0x45)
export const eq = binary(0x46)
export const ne = binary(0x47)
export const ltU = binary(0x49)
export const gtU = binary(0x4b)
export const geU = binary(0x4f)
export const ctz = unary(0x68)
export const add = binary(0x6a)
export const sub = binary(0x6b)
export const mul = binary(0x6c)
export const and = binary(0x71)
export const or = binary(0x72)
export const xor = binary(0x73)
export const shl = binary(0x74)

/** The smaller one, unsigned. They are worked out twice. */
export const least = (a: Code, b: Code): Code => [a, b, ltU(a, b), 0x1b]

export const eq64 = binary(0x51)
export const ltS64 = binary(0x53)
export const gtS64 = binary(0x55)
export const add64 = binary(0x7c)
export const mul64 = binary(0x7e)
export const and64 = binary(0x83)
export const xor64 = binary(0x85)
export const shrU64 = binary(0x88)
/** The lower half. */
export const wrap = unary(0xa7)
export const divF64 = binary(0xa3)
/** The nearest one to a signed whole number. */
export const toF64 = unary(0xb9)
/** A 32-bit number, taken as unsigned, as one of 64 bits. */
export const extend = unary(0xad)

export const load32 = (address: Code, offset = 0): Code => [address, 0x28, at(offset)]
export const load64 = (address: Code, offset = 0): Code => [address, 0x29, at(offset)]
export const loadF64 = (address: Code, offset = 0): Code => [address, 0x2b, at(offset)]
export const load16 = (address: Code, offset = 0): Code => [address, 0x2f, at(offset)]
export const load8 = (address: Code, offset = 0): Code => [address, 0x2d, at(offset)]
export const load128 = (address: Code, offset = 0): Code => [address, simd(0), at(offset)]
export const store32 = (address: Code, value: Code, offset = 0): Code => [address, value, 0x36, at(offset)]
export const store8 = (address: Code, value: Code, offset = 0): Code => [address, value, 0x3a, at(offset)]
export const storeF64 = (address: Code, value: Code, offset = 0): Code => [address, value, 0x39, at(offset)]
export const store128 = (address: Code, value: Code, offset = 0): Code => [
  address,
  value,
  simd(11),
  at(offset),
]
export const store64 = (address: Code, value: Code, offset = 0): Code => [address, value, 0x37, at(offset)]

/** One byte, sixteen times. */
export const sixteen = (byte: number): Code => [simd(12), Array.from({ length: 16 }, () => byte)]
export const splat = unary(...simd(15))
export const eq8 = binary(...simd(0x23))
export const ltU8 = binary(...simd(0x26))
/** Cheaper than `ltU8`: processors know the lesser of two unsigned bytes. */
export const leU8 = binary(...simd(0x2a))
/** Signed, so that all bytes beyond ASCII are less than any of it. */
export const ltS8 = binary(...simd(0x25))
export const sub8 = binary(...simd(0x71))
export const and128 = binary(...simd(0x4e))
export const or128 = binary(...simd(0x50))
/** One half of sixteen bytes: 0 the first eight, 1 the others. */
export const half = (lane: 0 | 1, value: Code): Code => [value, simd(0x1d), lane]
/** Whether every byte is other than 0. */
export const all8 = unary(...simd(0x63))
/** The highest bit of each byte, as a number of 16 bits. */
export const bitmask8 = unary(...simd(0x64))

export interface Func {
  /** Name under which it is exported. */
  name: string
  /** Types of its parameters, which are its first locals; it returns an i32. */
  params: readonly number[]
  /** Types of its further locals. */
  locals: readonly number[]
  body: Code
}

/** A module of such functions and one memory, `memory`. */
export function moduleOf(functions: readonly Func[], pages: number): Uint8Array {
  const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content]
  const list = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()]
  const name = (text: string): number[] => [...unsigned(text.length), ...Buffer.from(text)]
  const types = functions.map(({ params }) => [0x60, ...list(params.map((type) => [type])), 1, I32])
  const exported = functions.map((each, i) => [...name(each.name), 0, ...unsigned(i)])
  const bodies = functions.map(({ locals, body }) => {
    const content = [...list(locals.map((type) => [1, type])), ...flat(body), 0x0b]
    return [...unsigned(content.length), ...content]
  })
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(3, list(functions.map((_, i) => unsigned(i)))),
    ...section(5, list([[1, ...unsigned(pages), ...unsigned(pages)]])),
    ...section(7, list([...exported, [...name('memory'), 2, 0]])),
    ...section(10, list(bodies)),
  ])
}

function flat(code: Code, bytes: number[] = []): number[] {
  if (typeof code === 'number') bytes.push(code)
  else for (const part of code) flat(part, bytes)
  return bytes
}

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: Record<string, unknown> }
}

/** What the module exports; `undefined` where this process cannot run it (`--jitless`, or no such processor). */
export function instantiate(bytes: Uint8Array): Record<string, unknown> | undefined {
  const { WebAssembly: api } = globalThis as unknown as { WebAssembly?: WebAssemblyApi }
  try {
    return api === undefined ? undefined : new api.Instance(new api.Module(bytes)).exports
  } catch {
    return undefined
  }
}
