/** What a seal says, for those who write it and those who check it. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'

/**
 * The log's id: the first 16 hex digits of the SHA-256 of its first line, without the newline. A first line names
 * time, process and session, so no two logs share it.
 */
export function logIdOf(firstLine: Uint8Array): string {
  return createHash('sha256').update(firstLine).digest('hex').slice(0, 16)
}

/** How a `log.open` names the key that signs: the first 16 hex digits of the SHA-256 of its public half (SPKI, DER). */
export function keyIdOf(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256')
    .update(half.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)
}

/**
 * What a seal's signature is over.
 * @param sha256 of all bytes of the segment before the seal
 * @param archiveName name of the segment when it is archived, without folder
 * @param logId left out for seals under a `log.open` without `signs`, which older versions wrote
 */
export function signedText(sha256: string, archiveName: string, logId?: string): string {
  return logId === undefined ? `${sha256} ${archiveName}` : `${sha256} ${archiveName} ${logId}`
}

const LOG_ID = /^[0-9a-f]{16}$/
export const isLogId = (text: string): boolean => LOG_ID.test(text)
