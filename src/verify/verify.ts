/** Checks a log against itself: its seals, its numbering, the form of its lines, and the chain of its segments. */

import type { KeyObject } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { checkOptions } from '../format/options.js'
import { cannotRead, chunksOf, openNext, type Source } from '../read/sources.js'
import { checkEnd, checkLink, type Previous } from './chain.js'
import { damageOf } from './damage.js'
import { VERIFY_RULES } from './options.js'
import { isRun } from './order.js'
import type { SegmentFinding, VerifiedFile, VerifyFinding, VerifyReport } from './report.js'
import { SegmentScan } from './segment.js'
import { checkSignatures, readPublicKey } from './signatures.js'

export interface VerifyOptions {
  /** Ed25519 public key (PEM or key object); every seal must then carry a good signature. Default: not checked. */
  publicKey?: KeyObject | string | Buffer
  /** Called every mebibyte or so, with the bytes read so far in all segments. */
  onProgress?: (progress: { file: string; bytes: number }) => void
}

const CHUNK = 1024 * 1024

/**
 * Reads the whole log (an archived segment's path: only that one) and names each damaged place.
 *
 * Every change to bytes before the last seal is found. What cannot be found: whole lines taken from the end of the
 * live file together with the seals that vouch for them, and, unless the seals are signed and the key is given, a
 * log that somebody rewrote and sealed anew. After the first changed place of a segment its later seals cannot
 * vouch for anything, so there a second change shows only in a line's form or number.
 * @throws when the file is missing, a directory, or must not be read, and when the key is none
 */
export async function verifyLog(file: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptions('verifyLog', options, VERIFY_RULES)
  return new Verification(file, options).run()
}

class Verification {
  readonly #file: string
  readonly #key: KeyObject | undefined
  readonly #onProgress: VerifyOptions['onProgress']
  readonly #report: VerifyReport = {
    ok: true,
    files: [],
    lines: 0,
    events: 0,
    lastSeq: 0,
    unsealed: { lines: 0, bytes: 0, openTail: 0 },
    torn: 0,
    gaps: { count: 0, lost: 0 },
    signed: 0,
    findings: [],
    notes: [],
  }
  #previous: Previous | undefined
  #isNumbered = false
  #bytes = 0

  constructor(file: string, options: VerifyOptions) {
    this.#file = file
    this.#key = options.publicKey === undefined ? undefined : readPublicKey(options.publicKey)
    this.#onProgress = options.onProgress
  }

  async run(): Promise<VerifyReport> {
    const report = this.#report
    for (let after = 0; ; ) {
      const source = await this.#next(after)
      if (source === undefined) break
      try {
        await this.#segment(source)
      } finally {
        await source.handle.close()
      }
      if (source.live) break
      after = source.firstSeq as number
    }
    if (report.lines > 0 && report.files.every(({ seals }) => seals === 0)) {
      report.notes.push('nothing is sealed: only the form and the order of the lines were checked')
    }
    report.ok = report.findings.length === 0
    return report
  }

  async #next(after: number): Promise<Source | undefined> {
    let source = await openNext(this.#file, after)
    if (source !== undefined) return source
    // Between a rotation's two steps the live file is missing for a moment.
    await setTimeout(100)
    source = await openNext(this.#file, after)
    if (source !== undefined) return source
    if (after === 0) throw cannotRead(this.#file, Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
    const message = 'the live file of the log is not there'
    this.#report.findings.push({ kind: 'missing-segment', file: this.#file, message })
    return undefined
  }

  async #segment(source: Source): Promise<void> {
    const due = (this.#previous?.lastSeq ?? 0) + 1
    const scan = new SegmentScan(source.firstSeq ?? due, this.#isNumbered)
    const isReadable = await this.#scan(source, scan)
    this.#isNumbered = scan.isNumbered
    const firstSeq = source.firstSeq ?? scan.marks.find(isRun)?.seq ?? due
    const link = checkLink(this.#file, this.#previous, source, scan, firstSeq)
    const signatures = checkSignatures(source, scan, link.expected, this.#key)
    const { findings, lastSeq } = await damageOf(source, scan, link.expected, signatures)
    const end = checkEnd(source, scan, isReadable)
    const isTold = ({ line }: SegmentFinding): boolean =>
      findings.some((other) => line !== undefined && line === (other.toLine ?? other.line))
    const own: VerifyFinding[] = [...findings, ...end.filter((finding) => !isTold(finding))].map(
      (finding) => ({ ...finding, file: source.file }),
    )
    this.#report.findings.push(...link.findings, ...own)
    const verified = this.#add(source, scan, firstSeq, lastSeq)
    if (scan.openTail > 0 && end.length === 0) {
      this.#report.unsealed.openTail = scan.openTail
      const why = 'a writer is at work on it, or crashed'
      this.#report.notes.push(`${source.file} ends in an unfinished line of ${scan.openTail} bytes: ${why}`)
    }
    this.#previous = {
      verified,
      firstSeq,
      lastSeq: this.#report.lastSeq,
      isDamaged: own.length > 0,
      isTruncated: end.length > 0 || (lastSeq === undefined && own.length > 0),
    }
  }

  /** Returns false if compressed data is damaged. */
  async #scan(source: Source, scan: SegmentScan): Promise<boolean> {
    let isReadable = true
    try {
      for await (const chunk of chunksOf(source, 0, CHUNK)) {
        scan.push(chunk)
        this.#bytes += chunk.length
        this.#onProgress?.({ file: source.file, bytes: this.#bytes })
      }
    } catch (error) {
      if (!source.gzip) throw error
      isReadable = false
    }
    scan.end()
    return isReadable
  }

  #add(source: Source, scan: SegmentScan, firstSeq: number, lastSeq: number | undefined): VerifiedFile {
    const report = this.#report
    const { lines, bytes, seals, sealed, sha256 } = scan
    const verified: VerifiedFile = {
      file: source.file,
      lines,
      bytes,
      seals,
      sealedBytes: sealed.bytes,
      sha256,
    }
    if (lastSeq !== undefined) {
      verified.firstSeq = firstSeq
      verified.lastSeq = lastSeq
      report.lastSeq = lastSeq
    }
    report.files.push(verified)
    report.lines += lines
    report.events += scan.events
    report.unsealed.lines += lines - sealed.line
    report.unsealed.bytes += bytes - sealed.end
    report.torn += scan.torn
    report.gaps.count += scan.gaps.count
    report.gaps.lost += scan.gaps.lost
    report.signed += scan.signed
    return verified
  }
}
