/** Compares a log with what a server acknowledged of it: the way to find that its end was cut off. */
import { createHash, type KeyObject } from 'node:crypto'
import { isReceiptSigned, type Receipt, readReceipts } from '../format/receipt.js'
import { LogSnapshot } from '../read/segments.js'
import { firstSeqOf, type Source, soundChunksOf } from '../read/sources.js'
import type { VerifyFinding } from './report.js'

export interface ReceiptCheck {
  findings: VerifyFinding[]
  /** Receipts of this log. */
  checked: number
}

/**
 * @param text lines of receipts, of any logs
 * @param log id of the log
 * @param key public key of the server, with which each receipt must be signed
 */
export async function checkReceipts(
  file: string,
  text: string,
  log: string | undefined,
  key: KeyObject | undefined,
): Promise<ReceiptCheck> {
  const own = readReceipts(text).filter((receipt) => receipt.log === log)
  const findings: VerifyFinding[] = []
  if (own.length === 0) {
    const message = `none of the receipts is of this log (${log ?? 'of no id'})`
    return { findings: [{ kind: 'receipt', file, message }], checked: 0 }
  }
  const unsigned = key === undefined ? [] : own.filter((receipt) => !isReceiptSigned(receipt, key))
  if (unsigned.length > 0) {
    const message = `${unsigned.length} of ${own.length} receipts are not signed by the given key`
    findings.push({ kind: 'receipt', file, message })
  }
  const bySegment = grouped(own)
  const snapshot = await LogSnapshot.of(file)
  try {
    for (let source = await snapshot.next(); source !== undefined; source = await snapshot.next()) {
      try {
        const segment = source.firstSeq ?? Math.max(1, (await firstSeqOf(source)) ?? 1)
        const receipts = bySegment.get(segment) ?? []
        bySegment.delete(segment)
        const finding = await compare(source, receipts)
        if (finding !== undefined) findings.push(finding)
      } finally {
        await source.handle.close()
      }
    }
  } finally {
    await snapshot.close()
  }
  for (const [segment, receipts] of bySegment) {
    const last = receipts.at(-1) as Receipt
    const message = `the segment that begins at seq ${segment} is not there; a server had ${last.bytes} bytes of it, up to seq ${last.seq}, at ${timeOf(last)}`
    findings.push({ kind: 'receipt', file, message })
  }
  return { findings, checked: own.length }
}

function grouped(receipts: readonly Receipt[]): Map<number, Receipt[]> {
  const groups = new Map<number, Receipt[]>()
  for (const receipt of receipts) {
    const group = groups.get(receipt.segment)
    if (group === undefined) groups.set(receipt.segment, [receipt])
    else group.push(receipt)
  }
  return groups
}

/** The first receipt that the bytes of the segment do not fit. */
async function compare(source: Source, given: readonly Receipt[]): Promise<VerifyFinding | undefined> {
  const receipts = [...given].sort((a, b) => a.bytes - b.bytes)
  const hash = createHash('sha256')
  let size = 0
  let at = 0
  const differs = (): VerifyFinding | undefined => {
    const receipt = receipts[at++] as Receipt
    if (hash.copy().digest('hex') === receipt.sha256) return undefined
    const message = `its first ${receipt.bytes} bytes are not those that a server had at ${timeOf(receipt)}`
    return { kind: 'receipt', file: source.file, message }
  }
  for await (const chunk of soundChunksOf(source)) {
    let from = 0
    while (at < receipts.length && (receipts[at] as Receipt).bytes <= size + chunk.length) {
      const to = (receipts[at] as Receipt).bytes - size
      hash.update(chunk.subarray(from, to))
      from = to
      const finding = differs()
      if (finding !== undefined) return finding
    }
    hash.update(chunk.subarray(from))
    size += chunk.length
  }
  const missing = receipts.at(-1)
  if (missing === undefined || missing.bytes <= size) return undefined
  const message = `it has ${size} bytes; a server had ${missing.bytes} of it, up to seq ${missing.seq}, at ${timeOf(missing)}: the end was cut off`
  return { kind: 'receipt', file: source.file, offset: size, message }
}

const timeOf = ({ ts }: Receipt): string =>
  Math.abs(ts) <= 8.64e15 ? new Date(ts).toISOString() : String(ts)
