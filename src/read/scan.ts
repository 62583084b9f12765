/**
 * Tells by the bytes of a line, without parsing it, that it is none of those that are asked for. It never errs to that
 * side: what it is not sure of is to be parsed.
 *
 * A line is *sure* when it
 *  1. begins `{"ts":<1 to 15 digits, no leading zero>,"kind":"` and one more character
 *     of the kind, as every line does that hivelog writes;
 *  2. has after that nowhere the bytes `"kind"` or `"ts"`, and nowhere `\u00` followed by 2 to 7;
 *  3. has no byte below 32, but for a carriage return before its newline; and
 *  4. ends with `}`.
 *
 * If a sure line is JSON at all, its `ts` and `kind` are those at its beginning. Proof: it begins with `{`, so the
 * first two members are members of the line's own object. Another member of such a name, of which JSON.parse would
 * take the last, has its name written either letter by letter, which 2 rules out (a name that is written so stands
 * between quotes, and neither of them is escaped, or it would not end there), or with an escape. Of JSON's escapes only
 * `\u` makes letters, and those of ASCII's letters are `\u00` and 2 to 7. By the same rule, a kind, id or name of
 * printable ASCII without `"`, `\` and `/` stands in the line letter by letter, between quotes (`isLiteral`).
 *
 * 3 and 4 rule out nothing that matters to that. They are there so that what a crash leaves behind (lines cut short or
 * run together, blocks of NUL) is found and told of as ever; two events in one line are found by 2.
 */
import {
  add,
  add64,
  all8,
  and,
  and64,
  and128,
  bitmask8,
  block,
  br,
  brIf,
  type Code,
  ctz,
  eq,
  eq8,
  eq64,
  eqz,
  extend,
  type Func,
  get,
  geU,
  gtS64,
  gtU,
  I32,
  I64,
  i32,
  i64,
  instantiate,
  least,
  leU8,
  load8,
  load32,
  load64,
  load128,
  loop,
  ltS64,
  ltU,
  ltU8,
  moduleOf,
  mul64,
  ne,
  or,
  or128,
  set,
  sixteen,
  splat,
  store32,
  store64,
  sub,
  sub8,
  tee,
  V128,
  when,
  xor,
} from './wasm.js'

const byte = (char: string): number => char.charCodeAt(0)
/** Up to eight characters, as a load gives them. */
const word = (text: string): bigint =>
  Buffer.from(text)
    .reverse()
    .reduce((sum, each) => (sum << 8n) | BigInt(each), 0n)
const maskOf = (bytes: number): bigint => (1n << BigInt(8 * bytes)) - 1n
const beginsWith = (address: Code, text: string): Code =>
  eq64(and64(load64(address), i64(BigInt.asIntN(64, maskOf(text.length)))), i64(word(text)))

/** Where things are in the memory. */
const RESULT = 0
const RANGE = 16
const KINDS = 64
const MAX_KINDS = 32
const KIND_BYTES = 32
/** For each byte, whether a kind in the table begins with it. */
const FIRSTS = KINDS + MAX_KINDS * KIND_BYTES
const FOUND = FIRSTS + 256
const FOUND_BYTES = 24
const MAX_FOUND = 2048
const HITS = FOUND + MAX_FOUND * FOUND_BYTES
const MAX_HITS = 4096
const NEEDLES = HITS + 4 * (MAX_HITS + 1)
const MAX_NEEDLES = 32
const MAX_NEEDLE = 256
/** The lines begin here; behind a newline, as it were, and with room for what is looked at behind their end. */
const BLOCK = NEEDLES + MAX_NEEDLES * MAX_NEEDLE + 64
/** Bytes that are looked through at once. */
export const BLOCK_BYTES = 256 * 1024
const PAGE = 65536
const PAGES = Math.ceil((BLOCK + BLOCK_BYTES + MAX_NEEDLE + 64) / PAGE)

/** How a sure line begins. */
const HEAD = '{"ts":'
const NEXT = ',"kind":'
const MAX_DIGITS = 15

/*
 * scan(from, end, kindsEnd, hits): reads lines from `from` to `end`, behind a newline, until all are read or
 * no more can be noted. Returns where it stopped. In RESULT: number of lines, number of those noted.
 */
const FROM = 0
const END = 1
const KINDS_END = 2
const HIT = 3
const START = 4
const P = 5
const SURE = 6
const WANTED = 7
const N = 8
const OUT = 9
const LINES = 10
const X = 11
const Y = 12
const Z = 13
const TS = 14
const LATEST = 15

const digits = bitmask8(ltU8(sub8(load128(get(START), HEAD.length), sixteen(byte('0'))), sixteen(10)))

/** Sets SURE, and P behind the quote with which the kind begins. */
const readHead: Code = [
  set(SURE, i32(0)),
  set(P, get(START)),
  block(
    brIf(0, eqz(beginsWith(get(START), HEAD))),
    set(N, ctz(xor(digits, i32(-1)))),
    brIf(0, geU(sub(get(N), i32(1)), i32(MAX_DIGITS))),
    brIf(0, and(eq(load8(get(START), HEAD.length), i32(byte('0'))), gtU(get(N), i32(1)))),
    set(P, add(get(START), get(N))),
    when(
      and(
        eq64(load64(get(P), HEAD.length), i64(word(NEXT))),
        and(
          eq(load8(get(P), HEAD.length + NEXT.length), i32(byte('"'))),
          ne(load8(get(P), HEAD.length + NEXT.length + 1), i32(byte('"'))),
        ),
      ),
      [set(P, add(get(P), i32(HEAD.length + NEXT.length + 1))), set(SURE, i32(1))],
      [set(P, get(START))],
    ),
  ),
]

/**
 * Of a sure line: sets WANTED, whether its kind is one of those in the table; all are, when that is empty. Of most lines
 * the first letter says already that it is none.
 */
const matchKind: Code = [
  set(WANTED, i32(1)),
  set(N, i32(KINDS)),
  when(ne(get(N), get(KINDS_END)), [
    block(
      when(load8(load8(get(P)), FIRSTS), [
        set(X, load128(get(P))),
        loop(
          brIf(2, all8(eq8(and128(get(X), load128(get(N), 16)), load128(get(N))))),
          set(N, add(get(N), i32(KIND_BYTES))),
          brIf(0, ltU(get(N), get(KINDS_END))),
        ),
      ]),
      set(WANTED, i32(0)),
    ),
  ]),
]

/** Of a sure line: sets TS, and WANTED to 0 when that is outside of the range. */
const readTs: Code = [
  set(TS, i64(0n)),
  set(N, add(get(START), i32(HEAD.length))),
  loop(
    set(TS, add64(mul64(get(TS), i64(10n)), extend(sub(load8(get(N)), i32(byte('0')))))),
    set(N, add(get(N), i32(1))),
    brIf(0, ne(load8(get(N)), i32(byte(',')))),
  ),
  when(or(ltS64(get(TS), load64(i32(RANGE))), gtS64(get(TS), load64(i32(RANGE), 8))), [set(WANTED, i32(0))]),
]

/** Control characters, quotes before `ki` and `ts`, and `\u`: few, and what they are is looked at apart. */
const suspicious = bitmask8(
  or128(
    leU8(tee(X, load128(get(P))), sixteen(31)),
    or128(
      and128(eq8(get(X), sixteen(byte('\\'))), eq8(tee(Y, load128(get(P), 1)), sixteen(byte('u')))),
      and128(
        eq8(get(X), sixteen(byte('"'))),
        or128(
          and128(eq8(get(Y), sixteen(byte('k'))), eq8(tee(Z, load128(get(P), 2)), sixteen(byte('i')))),
          and128(eq8(get(Y), sixteen(byte('t'))), eq8(get(Z), sixteen(byte('s')))),
        ),
      ),
    ),
  ),
)

/** Whether what looked suspicious at P is so. The newline is no case of this. */
const isUnsure: Code = or(
  or(beginsWith(get(P), '"kind"'), beginsWith(get(P), '"ts"')),
  or(
    and(beginsWith(get(P), '\\u00'), ltU(sub(load8(get(P), 4), i32(byte('2'))), i32(6))),
    and(
      ltU(load8(get(P)), i32(32)),
      or(ne(load8(get(P)), i32(byte('\r'))), ne(load8(get(P), 1), i32(byte('\n')))),
    ),
  ),
)

/** Moves P to the line's newline; clears SURE where something speaks against it. */
const findEnd: Code = block(
  loop(
    when(eqz(tee(N, suspicious)), [set(P, add(get(P), i32(16))), br(1)]),
    set(P, add(get(P), ctz(get(N)))),
    brIf(1, eq(load8(get(P)), i32(byte('\n')))),
    when(isUnsure, [set(SURE, i32(0))]),
    set(P, add(get(P), i32(1))),
    br(0),
  ),
)

/** The byte before the newline, or before `\r\n`. */
const lastByte: Code = load8(sub(sub(get(P), i32(1)), eq(load8(sub(get(P), i32(1))), i32(byte('\r')))))

/** Clears WANTED when none of the places in HITS is in the line. */
const matchHits: Code = when(get(HIT), [
  when(geU(load32(get(HIT)), get(P)), [set(WANTED, i32(0))]),
  block(loop(brIf(1, geU(load32(get(HIT)), get(P))), set(HIT, add(get(HIT), i32(4))), br(0))),
])

const note: Code = [
  store32(get(OUT), get(START)),
  store32(get(OUT), get(P), 4),
  store32(get(OUT), get(LINES), 8),
  store64(get(OUT), get(LATEST), 16),
  set(OUT, add(get(OUT), i32(FOUND_BYTES))),
]

const scan: Func = {
  name: 'scan',
  params: [I32, I32, I32, I32],
  locals: [I32, I32, I32, I32, I32, I32, I32, V128, V128, V128, I64, I64],
  body: [
    set(START, get(FROM)),
    set(OUT, i32(FOUND)),
    set(LATEST, i64(-1n)),
    block(
      loop(
        brIf(1, or(geU(get(START), get(END)), geU(get(OUT), i32(HITS)))),
        readHead,
        set(WANTED, i32(0)),
        when(get(SURE), [matchKind, readTs]),
        findEnd,
        when(ne(lastByte, i32(byte('}'))), [set(SURE, i32(0))]),
        matchHits,
        when(
          get(SURE),
          [when(gtS64(get(TS), get(LATEST)), [set(LATEST, get(TS))]), when(get(WANTED), [note])],
          [note],
        ),
        set(LINES, add(get(LINES), i32(1))),
        set(START, add(get(P), i32(1))),
        br(0),
      ),
    ),
    store32(i32(RESULT), get(LINES)),
    store32(i32(RESULT), sub(get(OUT), i32(FOUND)), 4),
    store64(i32(RESULT), get(LATEST), 8),
    get(START),
  ],
}

const P0 = 0
const NEEDLE_AT = 2
const LENGTH = 3
const FOLD = 4
const A = 5
const B = 6
const BITS = 7
const K = 8
const FIRST = 9
const SECOND = 10
const FOLDS = 11

const bytesAt = (offset: Code): Code => or128(load128(add(get(P0), offset)), get(FOLDS))

/*
 * find(from, end, needle, length, fold, a, b): the first place from `from` on, but before `end`, where `needle` stands
 * when each byte is taken with the bits of `fold` set; `end` if there is none. The bytes `a` and `b` of the needle are
 * looked at first: they should be rare ones.
 */
const find: Func = {
  name: 'find',
  params: [I32, I32, I32, I32, I32, I32, I32],
  locals: [I32, I32, V128, V128, V128],
  body: [
    set(FIRST, splat(load8(add(get(NEEDLE_AT), get(A))))),
    set(SECOND, splat(load8(add(get(NEEDLE_AT), get(B))))),
    set(FOLDS, splat(get(FOLD))),
    block(
      loop(
        brIf(1, geU(get(P0), get(END))),
        set(BITS, bitmask8(and128(eq8(bytesAt(get(A)), get(FIRST)), eq8(bytesAt(get(B)), get(SECOND))))),
        when(eqz(get(BITS)), [set(P0, add(get(P0), i32(16))), br(1)]),
        set(P0, add(get(P0), ctz(get(BITS)))),
        brIf(1, geU(get(P0), get(END))),
        set(K, i32(0)),
        block(
          loop(
            brIf(1, ne(or(load8(add(get(P0), get(K))), get(FOLD)), load8(add(get(NEEDLE_AT), get(K))))),
            set(K, add(get(K), i32(1))),
            brIf(0, ltU(get(K), get(LENGTH))),
          ),
        ),
        brIf(1, eq(get(K), get(LENGTH))),
        set(P0, add(get(P0), i32(1))),
        br(0),
      ),
    ),
    least(get(P0), get(END)),
  ],
}

/** Whether a text of these characters is always written as it is, in whatever way a line is written. */
export const isLiteral = (text: string): boolean => /^[ !#-.0-[\]-~]+$/.test(text)

/** What a line must hold to be looked at; a plan with nothing in it lets every line through. */
export interface ScanPlan {
  /** How the value of `kind` begins, its closing quote included where the whole name is meant; empty for any. */
  kinds: readonly string[]
  /** Texts of which one must be in the line, quotes included; empty for none. */
  needles: readonly string[]
  /** The needles are in lower case, and stand for upper case too: hex digits only. */
  anyCase: boolean
  /** Least and greatest `ts`. */
  since: number
  until: number
}

/** Whether a plan fits into the tables. */
export const canScan = ({ kinds, needles }: ScanPlan): boolean =>
  kinds.length <= MAX_KINDS &&
  needles.length <= MAX_NEEDLES &&
  needles.every((needle) => needle.length <= MAX_NEEDLE)

type Scan = (from: number, end: number, kindsEnd: number, hits: number) => number
type Find = (
  from: number,
  end: number,
  needle: number,
  length: number,
  fold: number,
  a: number,
  b: number,
) => number

const LOWER = 0x20

/** Looks through blocks of lines. There is one, as its memory is worth sharing and no call leaves anything behind. */
export class LineScanner {
  static #shared: LineScanner | undefined
  static #isTried = false

  /** Lines of the last call. */
  lines = 0
  /** How many of them were found worth parsing. */
  found = 0
  /** The greatest `ts` of the sure ones; -1 if there is none. */
  latest = -1
  readonly #scan: Scan
  readonly #find: Find
  readonly #bytes: Buffer
  readonly #view: DataView
  #plan: ScanPlan | undefined

  private constructor(exports: Record<string, unknown>) {
    const { buffer } = exports.memory as { buffer: ArrayBuffer }
    this.#scan = exports.scan as Scan
    this.#find = exports.find as Find
    this.#bytes = Buffer.from(buffer)
    this.#view = new DataView(buffer)
  }

  /** `undefined` where this process cannot have one. */
  static shared(): LineScanner | undefined {
    if (!LineScanner.#isTried) {
      LineScanner.#isTried = true
      const exports = instantiate(moduleOf([scan, find], PAGES))
      if (exports !== undefined) LineScanner.#shared = new LineScanner(exports)
    }
    return LineScanner.#shared
  }

  /**
   * Looks through the lines in `bytes[from, to)`, where `to` is behind a newline, as far as it gets in one go. Returns
   * the place behind the last line that it has seen: `from` if that line is longer than `BLOCK_BYTES`.
   */
  scan(plan: ScanPlan, bytes: Buffer, from: number, to: number): number {
    this.lines = 0
    this.found = 0
    this.latest = -1
    let end = to
    if (to - from > BLOCK_BYTES) {
      end = bytes.lastIndexOf(10, from + BLOCK_BYTES - 1) + 1
      if (end <= from) return from
    }
    if (this.#plan !== plan) this.#load(plan)
    bytes.copy(this.#bytes, BLOCK, from, end)
    const blockEnd = BLOCK + end - from
    const hits = plan.needles.length > 0 && this.#findNeedles(plan, blockEnd) ? HITS : 0
    const kindsEnd = KINDS + plan.kinds.length * KIND_BYTES
    const stop = this.#scan(BLOCK, blockEnd, kindsEnd, hits)
    this.lines = this.#view.getUint32(RESULT, true)
    this.found = this.#view.getUint32(RESULT + 4, true) / FOUND_BYTES
    this.latest = this.#time(RESULT + 8)
    return from + stop - BLOCK
  }

  /** Of a line that was found: where it begins, counted from `from`. */
  startOf(i: number): number {
    return this.#view.getUint32(FOUND + i * FOUND_BYTES, true) - BLOCK
  }

  /** Where its newline is. */
  endOf(i: number): number {
    return this.#view.getUint32(FOUND + i * FOUND_BYTES + 4, true) - BLOCK
  }

  /** How many lines of this call came before it. */
  lineOf(i: number): number {
    return this.#view.getUint32(FOUND + i * FOUND_BYTES + 8, true)
  }

  /** The greatest `ts` of the sure lines of this call up to it, -1 if there is none. */
  latestOf(i: number): number {
    return this.#time(FOUND + i * FOUND_BYTES + 16)
  }

  /** Times have at most fifteen digits, so they are exact. */
  #time(address: number): number {
    return this.#view.getInt32(address + 4, true) * 2 ** 32 + this.#view.getUint32(address, true)
  }

  #load(plan: ScanPlan): void {
    this.#plan = plan
    this.#bytes.fill(0, FIRSTS, FIRSTS + 256)
    for (const [i, kind] of plan.kinds.entries()) {
      this.#bytes[FIRSTS + kind.charCodeAt(0)] = 1
      const address = KINDS + i * KIND_BYTES
      const length = Math.min(16, kind.length)
      this.#bytes.fill(0, address, address + KIND_BYTES)
      this.#bytes.write(kind.slice(0, length), address, 'latin1')
      this.#bytes.fill(0xff, address + 16, address + 16 + length)
    }
    for (const [i, needle] of plan.needles.entries()) {
      this.#bytes.write(needle, NEEDLES + i * MAX_NEEDLE, 'latin1')
    }
    this.#view.setBigInt64(RANGE, toI64(plan.since), true)
    this.#view.setBigInt64(RANGE + 8, toI64(plan.until), true)
  }

  /** Puts the places of the needles into HITS, in their order, one a line. False when there are too many. */
  #findNeedles({ needles, anyCase }: ScanPlan, end: number): boolean {
    const places: number[] = []
    for (const [i, needle] of needles.entries()) {
      const { length } = needle
      // Not the quotes, which are everywhere.
      const b = length > 3 ? length - 2 : length - 1
      const fold = anyCase ? LOWER : 0
      for (let place = BLOCK; ; ) {
        place = this.#find(place, end, NEEDLES + i * MAX_NEEDLE, length, fold, 1, b)
        if (place >= end) break
        places.push(place)
        if (places.length > MAX_HITS) return false
        const newline = this.#bytes.indexOf(10, place)
        place = newline + 1
      }
    }
    if (needles.length > 1) places.sort((a, b) => a - b)
    for (let i = 0; i < places.length; i++) this.#view.setUint32(HITS + 4 * i, places[i] as number, true)
    this.#view.setUint32(HITS + 4 * places.length, 0xffffffff, true)
    return true
  }
}

const toI64 = (value: number): bigint =>
  value >= 2 ** 62 ? 1n << 62n : value <= -(2 ** 62) ? -(1n << 62n) : BigInt(value)
