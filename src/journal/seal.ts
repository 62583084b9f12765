/** Seals: lines that vouch for every byte before them, signed when there is a key. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Fields } from '../format/encode.js'
import { keyIdOf, signedText } from '../format/seal.js'
import { LogOpenError } from './errors.js'

/** When the log is sealed, and by whom. */
export interface SealOptions {
  /** New bytes after which a seal is written. Default 4 MiB. */
  everyBytes?: number
  /** Milliseconds after which new lines are sealed. Default 60,000. */
  everyMs?: number
  /** Ed25519 private key (PEM text or key object) that signs the seals. Default: unsigned. */
  privateKey?: string | KeyObject
}

export const SEAL_EVERY_BYTES = 4 * 1024 * 1024
export const SEAL_EVERY_MS = 60_000

/** Makes the seals of one writer. */
export class Sealer {
  readonly everyBytes: number
  readonly everyMs: number
  readonly key: KeyObject | undefined
  /** What `log.open` says of it; `undefined` when it does not sign. */
  readonly policy: Fields | undefined

  /** @throws {LogOpenError} when the key is no Ed25519 private key */
  constructor(options: SealOptions) {
    this.everyBytes = options.everyBytes ?? SEAL_EVERY_BYTES
    this.everyMs = options.everyMs ?? SEAL_EVERY_MS
    if (options.privateKey === undefined) return
    this.key = readSealKey(options.privateKey)
    this.policy = { key: keyIdOf(this.key) }
    if (Number.isFinite(this.everyBytes)) this.policy.everyBytes = this.everyBytes
    if (Number.isFinite(this.everyMs)) this.policy.everyMs = this.everyMs
  }

  /** The fields of a seal over `bytes` bytes. */
  fields(sha256: string, bytes: number, archiveName: string, logId: string | undefined): Fields {
    if (this.key === undefined) return { sha256, bytes }
    const text = signedText(sha256, archiveName, logId)
    return { sha256, bytes, sig: sign(null, Buffer.from(text), this.key).toString('base64') }
  }
}

/** @throws {LogOpenError} when the key is no Ed25519 private key */
function readSealKey(key: string | KeyObject): KeyObject {
  let object: KeyObject
  try {
    object = typeof key === 'string' ? createPrivateKey(key) : key
  } catch (error) {
    throw new LogOpenError('seal.privateKey cannot be read: give an Ed25519 private key as PEM', error)
  }
  if (object.type !== 'private' || object.asymmetricKeyType !== 'ed25519') {
    throw new LogOpenError(
      `seal.privateKey is ${object.asymmetricKeyType ?? 'symmetric'} ${object.type}; an Ed25519 private key is needed`,
    )
  }
  return object
}
