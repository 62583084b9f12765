/**
 * What a server acknowledged of a log: so many bytes of a segment, with their hash. One line of JSON a receipt. A log
 * that was cut after its last seal is no longer what its receipts say: that is the one change that a file alone cannot
 * show.
 */
import { type KeyObject, sign, verify } from 'node:crypto'

export interface Receipt {
  /** When it was acknowledged, epoch milliseconds. */
  ts: number
  /** The log's id. */
  log: string
  /** `seq` of the first line of the segment. */
  segment: number
  /** Bytes of the segment that were on the server's disk. */
  bytes: number
  /** SHA-256 of these bytes, 64 hex digits. */
  sha256: string
  /** `seq` of the last line of these. */
  seq: number
  /** Base64 Ed25519 signature of the server's over all that comes before it in the line. */
  sig?: string
}

const signedBytes = ({ ts, log, segment, bytes, sha256, seq }: Receipt): Buffer =>
  Buffer.from(`receipt ${ts} ${log} ${segment} ${bytes} ${sha256} ${seq}`)

/** The line of a receipt, signed when there is a key. */
export function receiptLine(receipt: Omit<Receipt, 'sig'>, key: KeyObject | undefined): string {
  const sig = key === undefined ? undefined : sign(null, signedBytes(receipt), key).toString('base64')
  return `${JSON.stringify({ ...receipt, ...(sig !== undefined && { sig }) })}\n`
}

/** Whether the signature of a receipt is by the private half of this key. */
export const isReceiptSigned = (receipt: Receipt, key: KeyObject): boolean =>
  receipt.sig !== undefined && verify(null, signedBytes(receipt), key, Buffer.from(receipt.sig, 'base64'))

/** Reads the lines of a file of receipts; others than receipts are left out. */
export function readReceipts(text: string): Receipt[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value = JSON.parse(line) as Receipt | null
      return value !== null && isReceipt(value) ? [value] : []
    } catch {
      return []
    }
  })
}

const isReceipt = ({ ts, log, segment, bytes, sha256, seq }: Receipt): boolean =>
  [ts, segment, bytes, seq].every(Number.isSafeInteger) &&
  typeof log === 'string' &&
  typeof sha256 === 'string' &&
  /^[0-9a-f]{64}$/.test(sha256)
