/** Checks the signatures of seals. */
import { createPublicKey, KeyObject, verify } from 'node:crypto'
import { basename } from 'node:path'
import { archiveName, seqInName } from '../format/beside.js'
import { OptionsError } from '../format/options.js'
import { signedText } from '../format/seal.js'
import type { Source } from '../read/sources.js'
import type { SegmentFinding } from './report.js'
import type { SealLine, SegmentScan } from './segment.js'

/** @throws {OptionsError} when it is no Ed25519 public key (a private key's public half will do) */
export function readPublicKey(key: KeyObject | string | Buffer): KeyObject {
  let object: KeyObject
  try {
    object = key instanceof KeyObject && key.type === 'public' ? key : createPublicKey(key as string)
  } catch (error) {
    throw new OptionsError('the public key cannot be read: give an Ed25519 public key as PEM', error)
  }
  if (object.asymmetricKeyType !== 'ed25519') {
    throw new OptionsError(`the public key is of type ${object.asymmetricKeyType}; an Ed25519 key is needed`)
  }
  return object
}

/** What the signatures of a segment's good seals say. */
export interface SignatureCheck {
  /** One finding for all of a kind. */
  findings: SegmentFinding[]
  /** Seals whose signature is by the key. */
  signed: SealLine[]
}

/**
 * @param logId of the log that the segment belongs to, where it is known
 * @param origin name of the log that this is a copy of: over that its seals are signed
 */
export function checkSignatures(
  source: Source,
  scan: SegmentScan,
  firstSeq: number,
  key: KeyObject | undefined,
  logId: string | undefined,
  origin: string | undefined,
): SignatureCheck {
  if (key === undefined) return { findings: [], signed: [] }
  // The live file's seals are signed for the name that it gets when it is archived.
  const isArchived = seqInName(source.file) !== undefined
  const name =
    origin !== undefined
      ? archiveName(origin, firstSeq)
      : isArchived
        ? basename(source.file).replace(/\.gz$/, '')
        : archiveName(source.file, firstSeq)
  const findings: SegmentFinding[] = []
  const add = (kind: 'unsigned' | 'bad-signature', seals: SealLine[], message: string): void => {
    const [first] = seals
    if (first === undefined) return
    const more =
      seals.length === 1 ? '' : `; the same is true of ${seals.length - 1} later seals in this segment`
    findings.push({ kind, line: first.line, offset: first.offset, message: message + more })
  }
  const fits = ({ sha256, sig = '', withLogId }: SealLine): boolean => {
    const text = signedText(sha256, name, withLogId ? logId : undefined)
    return verify(null, Buffer.from(text), key, Buffer.from(sig, 'base64'))
  }
  const signed = new Set(scan.goodSeals.filter((seal) => seal.sig !== undefined && fits(seal)))
  add(
    'unsigned',
    scan.goodSeals.filter(({ sig }) => sig === undefined),
    'this seal has no signature',
  )
  const what = scan.goodSeals.some(({ withLogId }) => withLogId)
    ? `its hash, the name ${name} and the log's id ${logId ?? '(unknown)'}`
    : `its hash and the name ${name}`
  add(
    'bad-signature',
    scan.goodSeals.filter((seal) => seal.sig !== undefined && !signed.has(seal)),
    `this seal's signature is not one over ${what} by the given key`,
  )
  return { findings, signed: [...signed] }
}
