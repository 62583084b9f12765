/** Seals: lines that vouch for every byte before them, signed when there is a key. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Fields } from '../format/encode.js'
import { LogOpenError } from './errors.js'

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

/** What a seal's signature is over. */
const signedText = (sha256: string, archiveName: string): string => `${sha256} ${archiveName}`

/** @throws {LogOpenError} when the key is no Ed25519 private key */
export function readSealKey(key: string | KeyObject): KeyObject {
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

export function sealFields(
  sha256: string,
  bytes: number,
  archiveName: string,
  key: KeyObject | undefined,
): Fields {
  if (key === undefined) return { sha256, bytes }
  const sig = sign(null, Buffer.from(signedText(sha256, archiveName)), key).toString('base64')
  return { sha256, bytes, sig }
}
