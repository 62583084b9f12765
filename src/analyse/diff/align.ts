/**
 * Aligns two sequences of numbers: which of one belong to which of the other. Myers' algorithm finds the best
 * alignment, but its work grows with the square of the difference. So it gets pieces: what cannot match is taken
 * out, equal starts and ends come off, and anchors (numbers that are there once on either side) cut what is left.
 * A piece that is still too big and too different is aligned through a window that slides over it.
 */

import { type Anchor, risingChain } from './anchors.js'
import { diffSequences } from './sequences.js'

/** Comparisons that all pieces of one diff together may take before windows do the rest. */
const MAX_WORK = 150_000_000
/** Comparisons that one piece may take. */
const MAX_PIECE_WORK = 120_000_000
/** Pieces up to this length (of both sides together) need no anchors. */
const SMALL = 2048
/** How often pieces are cut at anchors, then cut again. */
const MAX_DEPTH = 12
const WINDOW = 256

interface Piece {
  a: Int32Array
  b: Int32Array
  depth: number
}

/** One of two sequences: positions of the events that are to be aligned, and what is found. */
export interface Sequence {
  /** Number of each event. */
  tokens: Int32Array
  /** 1 where the event has its partner; filled by `align`. Partners keep their order. */
  common: Uint8Array
}

class TooMuchWork extends Error {}

export class Aligner {
  /** Events (of both sides) that were aligned through windows, so that more of them might have partners. */
  approximate = 0
  readonly #countA: Int32Array
  readonly #countB: Int32Array
  readonly #whereB: Int32Array
  readonly #pieceWork: number
  #work: number

  /**
   * @param size all numbers are smaller
   * @param work comparisons that may be made before alignments become approximate
   */
  constructor(size: number, work = MAX_WORK) {
    this.#countA = new Int32Array(size)
    this.#countB = new Int32Array(size)
    this.#whereB = new Int32Array(size)
    this.#work = work
    this.#pieceWork = Math.min(work, MAX_PIECE_WORK)
  }

  /**
   * Aligns the events at these positions. The result does not depend on which sequence is which, as long as the
   * caller orders them by something that does not either.
   */
  align(a: Sequence, b: Sequence, positionsA: Int32Array, positionsB: Int32Array): void {
    const pieces: Piece[] = [{ a: positionsA, b: positionsB, depth: 0 }]
    for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
      const trimmed = this.#matchable(a, b, trim(a, b, piece))
      const rest = trim(a, b, trimmed)
      if (rest.a.length === 0 || rest.b.length === 0) continue
      const small = rest.a.length + rest.b.length <= SMALL
      const anchors = small || rest.depth >= MAX_DEPTH ? [] : this.#anchors(a, b, rest)
      if (anchors.length === 0) this.#myers(a, b, rest)
      else cut(a, b, rest, anchors, pieces)
    }
  }

  /** Without the events whose number the other side lacks: they cannot have partners. */
  #matchable(a: Sequence, b: Sequence, piece: Piece): Piece {
    const count = (tokens: Int32Array, positions: Int32Array, counts: Int32Array, by: number): void => {
      for (const position of positions) {
        const token = tokens[position] as number
        counts[token] = by === 0 ? 0 : (counts[token] as number) + by
      }
    }
    count(a.tokens, piece.a, this.#countA, 1)
    count(b.tokens, piece.b, this.#countB, 1)
    const ofA = piece.a.filter((position) => (this.#countB[a.tokens[position] as number] as number) > 0)
    const ofB = piece.b.filter((position) => (this.#countA[b.tokens[position] as number] as number) > 0)
    count(a.tokens, piece.a, this.#countA, 0)
    count(b.tokens, piece.b, this.#countB, 0)
    return { a: ofA, b: ofB, depth: piece.depth }
  }

  /** Indexes (in the piece) of the events that are there once on either side. */
  #anchors(a: Sequence, b: Sequence, piece: Piece): Anchor[] {
    for (const position of piece.a) (this.#countA[a.tokens[position] as number] as number)++
    for (const [index, position] of piece.b.entries()) {
      const token = b.tokens[position] as number
      ;(this.#countB[token] as number)++
      this.#whereB[token] = index
    }
    const pairs: Anchor[] = []
    for (const [index, position] of piece.a.entries()) {
      const token = a.tokens[position] as number
      if (this.#countA[token] === 1 && this.#countB[token] === 1) {
        pairs.push([index, this.#whereB[token] as number])
      }
    }
    for (const position of piece.a) this.#countA[a.tokens[position] as number] = 0
    for (const position of piece.b) this.#countB[b.tokens[position] as number] = 0
    return risingChain(pairs)
  }

  #myers(a: Sequence, b: Sequence, piece: Piece): void {
    const allowed = Math.min(this.#work, this.#pieceWork)
    let work = 0
    const isCommon = (i: number, j: number): boolean => {
      if (++work > allowed) throw new TooMuchWork()
      return a.tokens[piece.a[i] as number] === b.tokens[piece.b[j] as number]
    }
    const found: [count: number, a: number, b: number][] = []
    try {
      diffSequences(piece.a.length, piece.b.length, isCommon, (...run) => found.push(run))
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error
      this.#work -= work
      this.approximate += piece.a.length + piece.b.length
      this.#windows(a, b, piece)
      return
    }
    this.#work -= work
    for (const [count, i, j] of found) {
      for (let k = 0; k < count; k++) pair(a, b, piece.a[i + k] as number, piece.b[j + k] as number)
    }
  }

  /** Work that grows with the length only: from each window the pairs of its first half are taken. */
  #windows(a: Sequence, b: Sequence, piece: Piece): void {
    let startA = 0
    let startB = 0
    while (startA < piece.a.length && startB < piece.b.length) {
      const ofA = piece.a.subarray(startA, startA + WINDOW)
      const ofB = piece.b.subarray(startB, startB + WINDOW)
      const isLast = startA + WINDOW >= piece.a.length && startB + WINDOW >= piece.b.length
      const reach = isLast ? WINDOW : WINDOW / 2
      let nextA = 0
      let nextB = 0
      const isCommon = (i: number, j: number): boolean =>
        a.tokens[ofA[i] as number] === b.tokens[ofB[j] as number]
      diffSequences(ofA.length, ofB.length, isCommon, (count, i, j) => {
        for (let k = 0; k < count && i + k < reach && j + k < reach; k++) {
          pair(a, b, ofA[i + k] as number, ofB[j + k] as number)
          nextA = i + k + 1
          nextB = j + k + 1
        }
      })
      if (isLast) return
      startA += nextA === 0 ? reach : nextA
      startB += nextB === 0 ? reach : nextB
    }
  }
}

function pair(a: Sequence, b: Sequence, positionA: number, positionB: number): void {
  a.common[positionA] = 1
  b.common[positionB] = 1
}

/** Pairs what both pieces begin and end with, and gives what is between. */
function trim(a: Sequence, b: Sequence, { a: ofA, b: ofB, depth }: Piece): Piece {
  const isSame = (i: number, j: number): boolean => a.tokens[ofA[i] as number] === b.tokens[ofB[j] as number]
  let start = 0
  let endA = ofA.length
  let endB = ofB.length
  for (; start < endA && start < endB && isSame(start, start); start++) {
    pair(a, b, ofA[start] as number, ofB[start] as number)
  }
  for (; endA > start && endB > start && isSame(endA - 1, endB - 1); endA--, endB--) {
    pair(a, b, ofA[endA - 1] as number, ofB[endB - 1] as number)
  }
  return { a: ofA.subarray(start, endA), b: ofB.subarray(start, endB), depth }
}

function cut(a: Sequence, b: Sequence, piece: Piece, anchors: Anchor[], pieces: Piece[]): void {
  let startA = 0
  let startB = 0
  const depth = piece.depth + 1
  for (const [endA, endB] of [...anchors, [piece.a.length, piece.b.length] as Anchor]) {
    if (endA > startA && endB > startB) {
      pieces.push({ a: piece.a.subarray(startA, endA), b: piece.b.subarray(startB, endB), depth })
    }
    if (endA < piece.a.length) pair(a, b, piece.a[endA] as number, piece.b[endB] as number)
    startA = endA + 1
    startB = endB + 1
  }
}
