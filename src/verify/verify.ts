/** Checks a log against itself: its seals, its numbering, the form of its lines, and the chain of its segments. */

import type { KeyObject } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { originOf } from '../disk/origin.js'
import { strayFiles } from '../disk/segments.js'
import { parseArchiveName, seqInName } from '../format/beside.js'
import { checkOptions } from '../format/options.js'
import { LogSnapshot } from '../read/segments.js'
import { chunksOf, missing, openSource, type Source } from '../read/sources.js'
import { ArtifactCheck } from './artifacts.js'
import { checkEnd, checkLink, type Previous } from './chain.js'
import { damageOf } from './damage.js'
import { Explained, isEndUnsure } from './gaps.js'
import { VERIFY_RULES } from './options.js'
import { isRun } from './order.js'
import { checkReceipts } from './receipts.js'
import type { Explainable, SegmentFinding, VerifiedFile, VerifyFinding, VerifyReport } from './report.js'
import { type Adopted, type OpenLine, SegmentScan } from './segment.js'
import { checkSignatures, readPublicKey } from './signatures.js'
import { DEFAULT_POLICY, readStretch, type SealPolicy, type Stretch, tooLong } from './stretch.js'
import { checkTwin } from './twin.js'

/** What `verifyLog` takes. */
export interface VerifyOptions {
  /** Ed25519 public key (PEM or key object); every seal must then carry a good signature. Default: not checked. */
  publicKey?: KeyObject | string | Buffer
  /** Id that the log must have: `log` of an earlier report on it. Default: any. */
  logId?: string
  /** Whether the artifacts that lines name are read and compared with their names. Default true. */
  artifacts?: boolean
  /**
   * Lines of receipts: what a server acknowledged of this log (`<copy>.receipts` in its store). With them a cut end
   * shows. Default: not compared.
   */
  receipts?: string
  /** Ed25519 public key of that server; every receipt must then carry a good signature. Default: not checked. */
  receiptsKey?: KeyObject | string | Buffer
  /** Called every mebibyte or so, with the bytes read so far in all segments. Default: none. */
  onProgress?: (progress: { file: string; bytes: number }) => void
}

const CHUNK = 1024 * 1024
/** Between what a writer found at opening and its `log.open` stands at most a `log.torn`. */
const MAX_BEFORE_OPEN = 4096
/** Names of artifacts that are held before they are checked. */
const MANY_REFS = 1000

/**
 * Reads the whole log as it is when the check begins (an archived segment's path: only that one) and names each
 * damaged place.
 *
 * Every change to bytes before the last seal is found, as is an artifact that is not what a line names. What a log
 * alone cannot show: whole lines taken from its end together with the seals that vouch for them, newer segments that
 * are gone altogether, and lines changed since the last seal before their writer died (they are listed as adopted, or
 * unsealed). Unless the seals are signed and the key is given: a log that somebody rewrote and sealed anew. Unless
 * `logId` is given: another log of the same writer in this one's place. The header of a compressed segment (name,
 * time) is no part of the log. After the first changed place of a segment its later seals cannot vouch for anything,
 * so there a second change shows only in a line's form or number.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have, the key among them
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
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
    adopted: [],
    torn: 0,
    gaps: { count: 0, lost: 0, missing: 0 },
    artifacts: { named: 0, checked: 0, lost: 0, unnamed: 0 },
    signed: 0,
    findings: [],
    notes: [],
  }
  readonly #expectedId: string | undefined
  readonly #artifacts: ArtifactCheck | undefined
  readonly #findings: (VerifyFinding & Explainable)[] = []
  readonly #explained = new Explained()
  readonly #receipts: string | undefined
  readonly #receiptsKey: KeyObject | undefined
  readonly #origin: string | undefined
  #previous: Previous | undefined
  #previousScan: SegmentScan | undefined
  #isNumbered = false
  #bytes = 0
  /** As the last `log.open` that a signed seal vouches for says. */
  #policy: SealPolicy = DEFAULT_POLICY
  /** Seals with a good signature. */
  #signed = 0

  constructor(file: string, options: VerifyOptions) {
    this.#file = file
    this.#expectedId = options.logId
    if (options.artifacts !== false) this.#artifacts = new ArtifactCheck(file)
    this.#key = options.publicKey === undefined ? undefined : readPublicKey(options.publicKey)
    this.#onProgress = options.onProgress
    this.#receipts = options.receipts
    this.#receiptsKey = options.receiptsKey === undefined ? undefined : readPublicKey(options.receiptsKey)
    this.#origin = originOf(file)
  }

  async run(): Promise<VerifyReport> {
    const report = this.#report
    const snapshot = await this.#snapshot()
    try {
      for (let source = await snapshot.next(); source !== undefined; source = await snapshot.next()) {
        try {
          await this.#segment(source)
        } finally {
          await source.handle.close()
        }
      }
      if (snapshot.live === undefined) {
        const message = 'the live file of the log is not there'
        this.#findings.push({ kind: 'missing-segment', file: this.#file, message })
      }
    } finally {
      await snapshot.close()
    }
    this.#findings.push(...this.#endOfPrevious())
    this.#wholeLog()
    await this.#settleArtifacts()
    await this.#compareReceipts()
    report.findings = this.#unexplained()
    report.ok = report.findings.length === 0
    return report
  }

  /** What only the log as a whole can tell. */
  #wholeLog(): void {
    const report = this.#report
    if (report.lines > 0 && report.files.every(({ seals }) => seals === 0)) {
      report.notes.push('nothing is sealed: only the form and the order of the lines were checked')
    }
    if (this.#key !== undefined && report.events > 0 && this.#signed === 0 && report.signed === 0) {
      const message = 'nothing in the log is signed'
      if (!this.#findings.some(({ kind }) => kind === 'unsigned' || kind === 'unsealed')) {
        this.#findings.push({ kind: 'unsealed', file: this.#file, message })
      }
    }
    const { log } = report
    if (this.#expectedId !== undefined && log !== this.#expectedId) {
      const message = `this is the log ${log ?? 'of no id'}, not ${this.#expectedId}`
      this.#findings.push({ kind: 'other-log', file: this.#file, message })
    }
    for (const { file, reason } of strayFiles(this.#file)) {
      this.#findings.push({ kind: 'no-segment', file, message: `it is called like a segment, but ${reason}` })
    }
  }

  async #compareReceipts(): Promise<void> {
    if (this.#receipts === undefined) return
    const { findings, checked } = await checkReceipts(
      this.#file,
      this.#receipts,
      this.#report.log,
      this.#receiptsKey,
    )
    this.#findings.push(...findings)
    this.#report.receipts = checked
  }

  async #settleArtifacts(): Promise<void> {
    const check = this.#artifacts
    if (check === undefined) return
    this.#findings.push(...check.summary((ref, place) => this.#explained.isArtifactLost(ref, place)))
    const isWhole = seqInName(this.#file) === undefined
    const unnamed = isWhole ? await check.unnamed() : 0
    const { named, checked } = check
    this.#report.artifacts = { named, checked, lost: check.lostOf(this.#explained.artifacts), unnamed }
    if (unnamed > 0) {
      const count = unnamed === 1 ? 'one artifact' : `${unnamed} artifacts`
      this.#report.notes.push(`no line names ${count} of those that are there`)
    }
  }

  /** The findings, without lines and artifacts that are missing as the writer itself says. */
  #unexplained(): VerifyFinding[] {
    return this.#findings.flatMap(({ missing, artifact, otherwise, ...finding }) => {
      if (artifact !== undefined && this.#explained.isArtifactLost(artifact, finding)) return []
      if (missing === undefined || !this.#explained.areLinesLost({ missing })) return [finding]
      this.#report.gaps.missing += missing.to - missing.from + 1
      return otherwise === undefined ? [] : [{ ...otherwise, file: finding.file }]
    })
  }

  #endOfPrevious(): (VerifyFinding & Explainable)[] {
    const { end = [], verified } = this.#previous ?? {}
    return end.map((finding) => ({ ...finding, file: (verified as VerifiedFile).file }))
  }

  /** The log as it is now: what is written while it is checked is not. */
  async #snapshot(): Promise<LogSnapshot> {
    let snapshot = await LogSnapshot.of(this.#file)
    if (snapshot.live !== undefined) return snapshot
    // Between a rotation's two steps the live file is missing for a moment.
    await setTimeout(100)
    snapshot = await LogSnapshot.of(this.#file)
    if (snapshot.isEmpty) throw missing(this.#file)
    return snapshot
  }

  async #segment(source: Source): Promise<void> {
    const due = (this.#previous?.lastSeq ?? 0) + 1
    const scan = new SegmentScan(source.firstSeq ?? due, this.#isNumbered, this.#artifacts !== undefined)
    const isReadable = await this.#scan(source, scan)
    this.#isNumbered = scan.isNumbered
    const firstSeq = source.firstSeq ?? scan.marks.find(isRun)?.seq ?? due
    const others = this.#identify(scan, firstSeq)
    const { log } = this.#report
    // Copies are called by the log's id: what lies beside any other file may say what it likes.
    const origin = stemOf(this.#file) === log ? this.#origin : undefined
    const signaturesAt = (expected: number) => checkSignatures(source, scan, expected, this.#key, log, origin)
    const vouching = (expected: number) =>
      this.#key === undefined ? scan.goodSeals : signaturesAt(expected).signed
    const isUnsure = (): boolean => isEndUnsure(scan, () => vouching(firstSeq), firstSeq)
    const link = checkLink(this.#file, this.#previous, source, scan, firstSeq, isUnsure)
    if (link.explainsEnd !== true) this.#findings.push(...this.#endOfPrevious())
    this.#findings.push(...link.findings)
    this.#report.notes.push(...(link.notes ?? []))
    const { findings: signatures, signed } = signaturesAt(link.expected)
    this.#signed += signed.length
    this.#explained.add(source.file, scan, this.#key === undefined ? scan.goodSeals : signed, due)
    const { findings, lastSeq } = await damageOf(source, scan, link.expected, signatures)
    // What a log began with was no loss of its writer's.
    if (this.#previous === undefined)
      for (const each of findings) if (each.missing?.from === 1) delete each.missing
    const isTold = ({ line }: SegmentFinding): boolean =>
      findings.some((other) => line !== undefined && line === (other.toLine ?? other.line))
    const end = checkEnd(source, scan, isReadable)
    const untold = end.filter((finding) => !isTold(finding))
    const own = [...findings, ...others]
    const verified = this.#add(source, scan, firstSeq, lastSeq)
    for (const finding of own) this.#findings.push({ ...finding, file: source.file })
    await this.#adoptions(source, scan, signed.at(-1)?.end ?? 0)
    await this.#rest(source, scan, signed.at(-1), end.length > 0)
    this.#findings.push(...(await checkTwin(source, scan.sha256)))
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
      end: untold,
      isCut:
        !isReadable || end.length > untold.length || (lastSeq === undefined && own.length + end.length > 0),
    }
    this.#previousScan = scan
  }

  /** Finds out which log the segment belongs to; returns what speaks against its being this one's. */
  #identify(scan: SegmentScan, firstSeq: number): SegmentFinding[] {
    const report = this.#report
    const isFirst = this.#previous === undefined && firstSeq === 1
    // A first line that was changed no longer tells the id; those after it do.
    const isIntact = scan.windows.every(({ fromLine }) => fromLine > 1)
    if (isFirst && isIntact && scan.firstLineId !== undefined) report.log = scan.firstLineId
    const named = scan.opens.find(({ log }) => log !== undefined)
    const id = report.log ?? named?.log ?? (isFirst ? scan.firstLineId : undefined)
    if (id !== undefined) report.log = id
    const other = scan.opens.find(({ log }) => log !== undefined && log !== report.log)
    if (other === undefined) return []
    const { line, offset, log } = other
    const message = `this line belongs to the log ${log}, not to ${report.log}`
    return [{ kind: 'other-log', line, offset, message }]
  }

  /**
   * Lists the stretches that writers of this segment found at opening.
   * @param vouched offset up to which a signed seal vouches for what the segment says of itself
   */
  async #adoptions(source: Source, scan: SegmentScan, vouched: number): Promise<void> {
    for (const open of scan.opens) {
      if (open.adopted !== undefined) await this.#adoption(source, scan, open, open.adopted)
      if (open.signs !== undefined && open.offset < vouched) this.#policy = open.signs
    }
  }

  async #adoption(source: Source, scan: SegmentScan, open: OpenLine, adopted: Adopted): Promise<void> {
    const { from, bytes, sha256, file } = adopted
    const isOwn = file === undefined
    const path = isOwn ? source.file : join(dirname(source.file), basename(file))
    const at = isOwn ? source : ((await openSource(path)) ?? (await openSource(`${path}.gz`)))
    const places = (isOwn ? scan : this.#previousScan)?.sealPlaces ?? []
    const near = places.findLast(({ end }) => end <= from) ?? { line: 0, end: 0 }
    let stretch: Stretch | undefined
    try {
      if (at !== undefined) stretch = await readStretch(at, near, from, from + bytes)
    } finally {
      if (!isOwn) await at?.handle.close()
    }
    const isBefore = !isOwn || from + bytes <= open.offset
    const fits = isBefore && stretch?.bytes === bytes && stretch.sha256 === sha256
    const where = at?.file ?? path
    const lines = stretch === undefined ? {} : { line: stretch.line, toLine: stretch.toLine }
    this.#report.adopted.push({
      ...{ file: where, ...lines, offset: from, bytes, fits },
      ...{ byFile: source.file, byLine: open.line },
    })
    const says = `${basename(source.file)} says at line ${open.line}`
    const place = { file: where, ...lines, offset: from }
    if (!fits) {
      const message = `these bytes are not those that their writer found when it opened the log, as ${says}`
      this.#findings.push({ kind: 'adopted-changed', ...place, message })
    }
    if (this.#key === undefined || stretch === undefined) return
    const why =
      from === 0 && stretch.events > 0
        ? 'the segment should carry signed seals from its beginning on'
        : tooLong({ ...stretch, bytes }, this.#policy)
    if (why === undefined) return
    const message = `no signed seal vouched for these ${bytes} bytes when a writer found them, as ${says}: ${why}`
    this.#findings.push({ kind: 'unsealed', ...place, message })
  }

  /**
   * With a key: whether the segment has signed seals as often as its writer makes them, up to its end.
   * @param isCut whether its end is missing, or the next segment says that it was found so
   */
  async #rest(
    source: Source,
    scan: SegmentScan,
    last: { line: number; end: number } | undefined,
    isCut: boolean,
  ): Promise<void> {
    if (this.#key === undefined || scan.windows.length > 0) return
    const { file } = source
    const shouldBegin = scan.opens[0]?.line === 1 && scan.opens[0].signs !== undefined
    if (shouldBegin && last === undefined && scan.events > 0 && scan.signed === 0) {
      const message = 'its writer signs, and begins every segment with a signed seal, but there is none'
      this.#findings.push({ kind: 'unsealed', file, line: 1, toLine: scan.lines, offset: 0, message })
      return
    }
    if (isCut) return
    let from = last?.end ?? 0
    for (const { offset, adopted } of scan.opens) {
      // Stretches that join what is vouched for are judged by themselves, as adopted ones.
      const end = adopted === undefined || adopted.file !== undefined ? 0 : adopted.from + adopted.bytes
      if (offset > from && adopted !== undefined && adopted.from <= from && offset - end < MAX_BEFORE_OPEN)
        from = offset
    }
    const near = scan.sealPlaces.findLast(({ end }) => end <= from) ?? { line: 0, end: 0 }
    const bytes = scan.bytes - from
    const isLarge = tooLong({ events: 1, bytes, ms: 0 }, this.#policy) !== undefined
    if (bytes <= 0) return
    const stretch = await readStretch(source, near, from, isLarge ? from + 1 : scan.bytes)
    const why = tooLong(isLarge ? { ...stretch, events: 1, bytes } : stretch, this.#policy)
    if (why === undefined) return
    const message = `no signed seal vouches for these ${bytes} bytes: ${why}`
    const { line } = stretch
    this.#findings.push({ kind: 'unsealed', file, line, toLine: scan.lines, offset: from, message })
  }

  /** Returns false if compressed data is damaged. */
  async #scan(source: Source, scan: SegmentScan): Promise<boolean> {
    let isReadable = true
    try {
      for await (const chunk of chunksOf(source, 0, CHUNK)) {
        scan.push(chunk)
        await this.#checkArtifacts(source, scan, MANY_REFS)
        this.#bytes += chunk.length
        this.#onProgress?.({ file: source.file, bytes: this.#bytes })
      }
    } catch (error) {
      if (!source.gzip) throw error
      isReadable = false
    }
    scan.end()
    await this.#checkArtifacts(source, scan, 1)
    return isReadable
  }

  /** Checks the artifacts that were found to be named, once there are so many. */
  async #checkArtifacts(source: Source, scan: SegmentScan, atLeast: number): Promise<void> {
    if (this.#artifacts === undefined || scan.refs.count < atLeast) return
    this.#findings.push(...(await this.#artifacts.check(source.file, scan.refs.take())))
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

const stemOf = (file: string): string =>
  parseArchiveName(file)?.stem ?? basename(file).replace(/\.jsonl$/, '')
