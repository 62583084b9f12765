/**
 * Takes lines apart that are flat: an object of texts, numbers from 0 and booleans under known names, written without
 * blanks, escapes and anything beyond ASCII, as nearly all lines of a log are. That is a part of JSON (RFC 8259) that
 * is decided here strictly; any other line is left to JSON.parse, whatever is the matter with it. Making the objects of
 * many lines by JSON.parse takes longer than all else that is done with them, and most texts in them (who, to whom,
 * which session) were there before: those are told by number.
 */
import {
  add,
  add64,
  all8,
  and,
  and128,
  bitmask8,
  block,
  br,
  brIf,
  type Code,
  ctz,
  divF64,
  eq,
  eq8,
  eqz,
  extend,
  type Func,
  get,
  geU,
  gtU,
  half,
  I32,
  I64,
  i32,
  i64,
  instantiate,
  least,
  load8,
  load16,
  load32,
  load128,
  loadF64,
  loop,
  ltS8,
  ltU,
  moduleOf,
  mul,
  mul64,
  ne,
  or,
  or128,
  set,
  shl,
  shrU64,
  sixteen,
  store8,
  store32,
  store128,
  storeF64,
  sub,
  tee,
  toF64,
  V128,
  when,
  wrap,
  xor64,
} from './wasm.js'

const byte = (char: string): number => char.charCodeAt(0)

/** What a member's value is. */
export const NUMBER = 0
export const TRUE = 1
export const FALSE = 2
/** A text, or a list of texts, that stands in what was copied. */
export const COPIED = 3
/** A text that stands there, too; and its number, which did not mean it before. */
export const NEW = 4
/** A text that its number means. */
export const KNOWN = 5

/** Texts that are known at a time, and the characters that one may have. */
export const TEXTS = 4096
const LONGEST = 32

/** Where things are in the memory. */
const LINES = 0
const COPIED_TO = 4
const FOUND_TO = 8
const POWERS = 64
const MOST_DIGITS = 15
/** For each length up to `LONGEST`: which of the first sixteen bytes it has, then which of the next. */
const MASKS = 512
const MASK_BYTES = 32
/** By hash of the name: the name, filled with zeros, and what it is. */
const NAMES = 2048
const NAME_BYTES = 32
const NAME_SLOTS = 256
const LONGEST_NAME = 16
/** By hash of the text: the text, filled with zeros, which no text has. */
const KNOWN_TEXTS = 16 * 1024
const TEXT_BYTES = 32
/** What was found, in units of sixteen bytes. */
const FOUND = 256 * 1024
const UNIT = 16
const MOST_MEMBERS = 64
const FOUND_END = 512 * 1024
/** Bytes of what is found in one call, and of what is copied. */
export const FOUND_BYTES = FOUND_END - FOUND
/** Bytes that are taken apart at once. */
export const FLAT_BYTES = 64 * 1024
/** Texts that are copied, as a JSON array: no more bytes than there are, as the names are left out. */
const COPIES = FOUND_END
export const MOST_COPIED = 2 * FLAT_BYTES
/** The lines begin here; with room for what is looked at behind their end. */
const BLOCK = COPIES + MOST_COPIED
const PAGES = (BLOCK + FLAT_BYTES) / 65536 + 1

/*
 * scan(from, end, c1, c2): takes the lines from `from` to `end`, behind a newline, until all are taken or no more can be
 * noted. Returns where it stopped. `c1` and `c2` are the factors of the hash of names.
 */
const FROM = 0
const END = 1
const C1 = 2
const C2 = 3
const START = 4
const P = 5
const OUT = 6
const HEAD = 7
const MEMBERS = 8
const LENGTH = 9
const N = 10
const NAME = 11
const AT = 12
const TYPE = 13
const TEXT = 14
const COUNT = 15
const COPY = 16
const COPIES_SO_FAR = 17
const X = 18
const Y = 19
const M = 20

/** A quote, or what keeps a line from being flat: an escape, a control character, anything beyond ASCII. */
const special = (value: Code): Code =>
  bitmask8(
    or128(
      or128(eq8(tee(Y, value), sixteen(byte('"'))), eq8(get(Y), sixteen(byte('\\')))),
      ltS8(get(Y), sixteen(32)),
    ),
  )

/** Factors of the hash of texts: odd, and without a pattern. */
const F1 = i64(BigInt.asIntN(64, 0x9e37_79b9_7f4a_7c15n))
const F2 = i64(BigInt.asIntN(64, 0xc2b2_ae3d_27d4_eb4fn))
const F3 = i64(BigInt.asIntN(64, 0x1656_67b1_9e37_79f9n))
const F4 = i64(BigInt.asIntN(64, 0xd6e8_feb8_6659_fd93n))
const TEXT_SHIFT = 52

/** Depths of the blocks, seen from within the loop over members. */
const MEMBER = 0
const DONE = 1
const FAILED = 2

/** Adds the digits from P on to M. */
const readDigits: Code = loop(
  set(N, sub(load8(get(P)), i32(byte('0')))),
  when(ltU(get(N), i32(10)), [
    set(M, add64(mul64(get(M), i64(10n)), extend(get(N)))),
    set(P, add(get(P), i32(1))),
    br(1),
  ]),
)

/** Moves P from the quote before a text behind the one after it. @param failed depth of the block to leave else */
const readText = (failed: number): Code => [
  set(P, add(get(P), i32(1))),
  loop(when(eqz(tee(N, special(load128(get(P))))), [set(P, add(get(P), i32(16))), br(1)])),
  set(P, add(get(P), ctz(get(N)))),
  brIf(failed, ne(load8(get(P)), i32(byte('"')))),
  set(P, add(get(P), i32(1))),
]

/** Copies the value from AT to P. */
const copyValue: Code = [
  set(N, get(AT)),
  loop(
    store128(get(COPY), load128(get(N))),
    set(COPY, add(get(COPY), i32(16))),
    brIf(0, ltU(tee(N, add(get(N), i32(16))), get(P))),
  ),
  set(COPY, sub(get(COPY), sub(get(N), get(P)))),
  store8(get(COPY), i32(byte(','))),
  set(COPY, add(get(COPY), i32(1))),
  store32(get(OUT), get(COPIES_SO_FAR), 8),
  set(COPIES_SO_FAR, add(get(COPIES_SO_FAR), i32(1))),
]

/** Of the text from AT to P, quotes included: its number, and whether that means it already. */
const numberText: Code = [
  set(N, add(i32(MASKS), mul(get(LENGTH), i32(MASK_BYTES)))),
  set(X, and128(load128(get(AT), 1), load128(get(N)))),
  set(Y, and128(load128(get(AT), 17), load128(get(N), 16))),
  set(
    N,
    wrap(
      shrU64(
        xor64(
          xor64(mul64(half(0, get(X)), F1), mul64(half(1, get(X)), F2)),
          xor64(mul64(half(0, get(Y)), F3), mul64(half(1, get(Y)), F4)),
        ),
        i64(BigInt(TEXT_SHIFT)),
      ),
    ),
  ),
  store32(get(OUT), get(N), 4),
  set(TEXT, add(i32(KNOWN_TEXTS), mul(get(N), i32(TEXT_BYTES)))),
  when(
    and(all8(eq8(get(X), load128(get(TEXT)))), all8(eq8(get(Y), load128(get(TEXT), 16)))),
    [set(TYPE, i32(KNOWN))],
    [store128(get(TEXT), get(X)), store128(get(TEXT), get(Y), 16), set(TYPE, i32(NEW))],
  ),
]

/** What a name's values are, as its place tells it. */
const AS_THEY_ARE = 0
const NUMBERED = 1
const PASSED_OVER = 2
const isPassedOver: Code = eq(load32(get(NAME), 20), i32(PASSED_OVER))

/** P is at the quote before a name, and is left behind what follows the value. */
const readMember: Code = [
  brIf(FAILED, or(ne(load8(get(P)), i32(byte('"'))), geU(get(MEMBERS), i32(MOST_MEMBERS)))),
  set(X, load128(get(P), 1)),
  set(LENGTH, ctz(special(get(X)))),
  set(LENGTH, least(get(LENGTH), i32(LONGEST_NAME))),
  set(P, add(add(get(P), i32(1)), get(LENGTH))),
  brIf(FAILED, ne(load16(get(P)), i32(byte('"') | (byte(':') << 8)))),
  set(X, and128(get(X), load128(add(i32(MASKS), mul(get(LENGTH), i32(MASK_BYTES)))))),
  set(
    NAME,
    add(
      i32(NAMES),
      mul(
        wrap(shrU64(xor64(mul64(half(0, get(X)), get(C1)), mul64(half(1, get(X)), get(C2))), i64(56n))),
        i32(NAME_BYTES),
      ),
    ),
  ),
  brIf(FAILED, eqz(all8(eq8(get(X), load128(get(NAME)))))),
  set(P, add(get(P), i32(2))),
  set(N, load8(get(P))),
  set(AT, get(P)),
  block(
    when(eq(get(N), i32(byte('"'))), [
      readText(FAILED + 2),
      brIf(1, isPassedOver),
      set(TYPE, i32(COPIED)),
      set(LENGTH, sub(sub(get(P), get(AT)), i32(2))),
      when(and(load32(get(NAME), 20), ltU(get(LENGTH), i32(LONGEST + 1))), [numberText]),
      when(ne(get(TYPE), i32(KNOWN)), [copyValue]),
      br(1),
    ]),
    when(ltU(sub(get(N), i32(byte('0'))), i32(10)), [
      set(M, i64(0n)),
      readDigits,
      set(LENGTH, sub(get(P), get(AT))),
      brIf(FAILED + 2, and(eq(load8(get(AT)), i32(byte('0'))), gtU(get(LENGTH), i32(1)))),
      set(AT, get(P)),
      when(eq(load8(get(P)), i32(byte('.'))), [
        set(AT, tee(P, add(get(P), i32(1)))),
        readDigits,
        brIf(FAILED + 3, eq(get(P), get(AT))),
      ]),
      // So many digits are exact, and so is a power of ten of so many: their quotient is rounded once.
      set(N, sub(get(P), get(AT))),
      brIf(FAILED + 2, gtU(add(get(LENGTH), get(N)), i32(MOST_DIGITS))),
      storeF64(get(OUT), divF64(toF64(get(M)), loadF64(add(i32(POWERS), shl(get(N), i32(3))))), 8),
      set(TYPE, i32(NUMBER)),
      br(1),
    ]),
    when(eq(get(N), i32(byte('['))), [
      set(P, add(get(P), i32(1))),
      block(
        brIf(0, eq(load8(get(P)), i32(byte(']')))),
        loop(
          brIf(FAILED + 4, ne(load8(get(P)), i32(byte('"')))),
          readText(FAILED + 4),
          brIf(1, ne(load8(get(P)), i32(byte(',')))),
          set(P, add(get(P), i32(1))),
          br(0),
        ),
      ),
      brIf(FAILED + 2, ne(load8(get(P)), i32(byte(']')))),
      set(P, add(get(P), i32(1))),
      brIf(1, isPassedOver),
      set(TYPE, i32(COPIED)),
      copyValue,
      br(1),
    ]),
    when(eq(load32(get(P)), i32(0x65757274)), [set(P, add(get(P), i32(4))), set(TYPE, i32(TRUE)), br(1)]),
    brIf(FAILED + 1, or(ne(load32(get(P)), i32(0x736c6166)), ne(load8(get(P), 4), i32(byte('e'))))),
    set(P, add(get(P), i32(5))),
    set(TYPE, i32(FALSE)),
  ),
  when(eqz(isPassedOver), [
    store32(get(OUT), or(load32(get(NAME), 16), shl(get(TYPE), i32(8)))),
    set(OUT, add(get(OUT), i32(UNIT))),
    set(MEMBERS, add(get(MEMBERS), i32(1))),
  ]),
  set(N, load8(get(P))),
  set(P, add(get(P), i32(1))),
  brIf(MEMBER, eq(get(N), i32(byte(',')))),
  brIf(FAILED, ne(get(N), i32(byte('}')))),
  brIf(DONE, eq(load8(get(P)), i32(byte('\n')))),
  br(FAILED),
]

const findNewline: Code = [
  set(P, get(START)),
  loop(when(eqz(tee(N, bitmask8(eq8(load128(get(P)), sixteen(10))))), [set(P, add(get(P), i32(16))), br(1)])),
  set(P, add(get(P), ctz(get(N)))),
]

const scan: Func = {
  name: 'scan',
  params: [I32, I32, I64, I64],
  locals: [I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, V128, V128, I64],
  body: [
    set(START, get(FROM)),
    set(OUT, i32(FOUND)),
    set(COUNT, i32(0)),
    set(COPIES_SO_FAR, i32(0)),
    store8(i32(COPIES), i32(byte('['))),
    set(COPY, i32(COPIES + 1)),
    block(
      loop(
        brIf(1, or(geU(get(START), get(END)), gtU(get(OUT), i32(FOUND_END - UNIT * (MOST_MEMBERS + 1))))),
        set(HEAD, get(OUT)),
        set(OUT, add(get(OUT), i32(UNIT))),
        set(MEMBERS, i32(0)),
        set(P, add(get(START), i32(1))),
        store32(get(HEAD), i32(0), 12),
        block(
          block(
            block(brIf(1, ne(load8(get(START)), i32(byte('{')))), loop(readMember)),
            store32(get(HEAD), i32(1), 12),
            br(1),
          ),
          findNewline,
        ),
        store32(get(HEAD), get(START)),
        store32(get(HEAD), get(P), 4),
        store32(get(HEAD), get(MEMBERS), 8),
        set(COUNT, add(get(COUNT), i32(1))),
        set(START, add(get(P), i32(1))),
        br(0),
      ),
    ),
    store32(i32(LINES), get(COUNT)),
    store32(i32(COPIED_TO), get(COPY)),
    store32(i32(FOUND_TO), get(OUT)),
    get(START),
  ],
}

/** A name that a flat line may have. */
export interface FlatName {
  name: string
  /** Whether it is not told what its values are: they only have to be what a flat line may have. */
  isPassedOver: boolean
  /** Whether its texts are told by number: there are few different ones. */
  isNumbered: boolean
}

/** Lines that were taken apart. */
export class TakenLines {
  lines = 0
  /**
   * What was found: of each line `[start, end, members, isFlat]`, then its members: `[name + 256 * value, number, copy]`,
   * four places each. `ORIGIN` stands for the place where the lines begin.
   */
  readonly found: Int32Array
  /** What was copied. */
  copies: (string | string[])[] = []
  /** The same, for the numbers: of a member at `at` in `found`, the one at `at / 2 + 1`. */
  readonly numbers: Float64Array

  /** @param buffer what was found is there from `offset` on */
  constructor(buffer: ArrayBufferLike, offset: number) {
    this.found = new Int32Array(buffer, offset, FOUND_BYTES / 4)
    this.numbers = new Float64Array(buffer, offset, FOUND_BYTES / 8)
  }
}

type Scan = (from: number, end: number, c1: bigint, c2: bigint) => number

/** What takes lines apart, for whoever runs it elsewhere (`flat-thread.ts`). */
export interface FlatProgram {
  module: Uint8Array
  /** What its memory begins with. */
  tables: Uint8Array
  /** The factors, which each call is given. */
  factors: readonly [bigint, bigint]
}

/** Where it reads and writes: places in the memory, and bytes. */
export const FLAT_LAYOUT = { LINES, COPIED_TO, FOUND_TO, FOUND, COPIES, BLOCK } as const

/** Takes blocks of lines apart. */
export class FlatScanner {
  /** Of the last call. */
  readonly taken: TakenLines
  readonly #scan: Scan
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #factors: readonly [bigint, bigint]

  private constructor(exports: Record<string, unknown>, names: readonly FlatName[]) {
    const { buffer } = exports.memory as { buffer: ArrayBuffer }
    this.#scan = exports.scan as Scan
    this.#bytes = Buffer.from(buffer)
    this.#view = new DataView(buffer)
    this.taken = new TakenLines(buffer, FOUND)
    for (let digits = 0; digits <= MOST_DIGITS; digits++)
      this.#view.setFloat64(POWERS + 8 * digits, 10 ** digits, true)
    for (let length = 0; length <= LONGEST; length++)
      this.#bytes.fill(0xff, MASKS + length * MASK_BYTES, MASKS + length * MASK_BYTES + length)
    this.#bytes.fill(0xff, KNOWN_TEXTS, KNOWN_TEXTS + TEXTS * TEXT_BYTES)
    this.#factors = this.#place(names)
  }

  /** `undefined` where this process cannot have one. @param names at most sixteen characters each */
  static of(names: readonly FlatName[]): FlatScanner | undefined {
    const exports = instantiate(moduleOf([scan], PAGES))
    return exports === undefined ? undefined : new FlatScanner(exports, names)
  }

  /** Of one that was not used yet. */
  get program(): FlatProgram {
    const tables = Uint8Array.from(this.#bytes.subarray(0, FOUND))
    return { module: moduleOf([scan], PAGES), tables, factors: this.#factors }
  }

  /**
   * Takes the lines in `bytes[from, to)`, where `to` is behind a newline, as far as it gets in one go. Returns the place
   * behind the last line that was taken: `from` if that line is too long.
   */
  scan(bytes: Buffer, from: number, to: number): number {
    const { taken } = this
    taken.lines = 0
    let end = to
    if (to - from > FLAT_BYTES) {
      end = bytes.lastIndexOf(10, from + FLAT_BYTES - 1) + 1
      if (end <= from) return from
    }
    bytes.copy(this.#bytes, BLOCK, from, end)
    const [c1, c2] = this.#factors
    const stop = this.#scan(BLOCK, BLOCK + end - from, c1, c2)
    taken.lines = this.#view.getUint32(LINES, true)
    const last = this.#view.getUint32(COPIED_TO, true) - 1
    taken.copies = copiesIn(this.#bytes, COPIES, last)
    return from + stop - BLOCK
  }

  /** Finds factors by which each name has a place of its own. */
  #place(names: readonly FlatName[]): readonly [bigint, bigint] {
    const mask = (1n << 64n) - 1n
    let state = 0x9e37_79b9_7f4a_7c15n
    const next = (): bigint => {
      state = (state * 0x5851_f42d_4c95_7f2dn + 0x1405_7b7e_f767_814fn) & mask
      return state | 1n
    }
    const keys = names.map(({ name }) => {
      const key = Buffer.alloc(16)
      key.write(name, 'latin1')
      return { key, lo: key.readBigUInt64LE(0), hi: key.readBigUInt64LE(8) }
    })
    for (;;) {
      const c1 = next()
      const c2 = next()
      const slots = keys.map(({ lo, hi }) => Number((((lo * c1) & mask) ^ ((hi * c2) & mask)) >> 56n))
      if (new Set(slots).size < names.length) continue
      this.#bytes.fill(0xff, NAMES, NAMES + NAME_SLOTS * NAME_BYTES)
      for (const [i, slot] of slots.entries()) {
        const at = NAMES + slot * NAME_BYTES
        this.#bytes.set((keys[i] as { key: Buffer }).key, at)
        this.#view.setUint32(at + 16, i, true)
        this.#view.setUint32(at + 20, howOf(names[i] as FlatName), true)
      }
      return [BigInt.asIntN(64, c1), BigInt.asIntN(64, c2)]
    }
  }
}

/** What was copied there, at the end of which a comma stands at `last`. */
export function copiesIn(bytes: Buffer, start: number, last: number): (string | string[])[] {
  if (last === start) return []
  bytes[last] = byte(']')
  // All at once: so they take half the time, and none keeps the others in memory.
  return JSON.parse(bytes.toString('latin1', start, last + 1))
}

function howOf({ isPassedOver, isNumbered }: FlatName): number {
  if (isPassedOver) return PASSED_OVER
  return isNumbered ? NUMBERED : AS_THEY_ARE
}

/** Where the bytes of a call begin, as places are counted. */
export const ORIGIN = BLOCK
