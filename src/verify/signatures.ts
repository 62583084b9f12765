/** Checks the signatures of seals. */
import { createPublicKey, KeyObject, verify } from 'node:crypto'
import { basename } from 'node:path'
import { archiveName } from '../disk/segments.js'
import { type Source, seqInName } from '../read/sources.js'
import type { SegmentFinding } from './report.js'
import type { SegmentScan } from './segment.js'

/** @throws when it is no Ed25519 public key (a private key's public half will do) */
export function readPublicKey(key: KeyObject | string | Buffer): KeyObject {
  let object: KeyObject
  try {
    object = key instanceof KeyObject && key.type === 'public' ? key : createPublicKey(key as string)
  } catch (error) {
    throw new Error('the public key cannot be read: give an Ed25519 public key as PEM', { cause: error })
  }
  if (object.asymmetricKeyType !== 'ed25519') {
    throw new Error(`the public key is of type ${object.asymmetricKeyType}; an Ed25519 key is needed`)
  }
  return object
}

/** What is wrong with the signatures of a segment's good seals: one finding for all of a kind. */
export function checkSignatures(
  source: Source,
  scan: SegmentScan,
  firstSeq: number,
  key: KeyObject | undefined,
): SegmentFinding[] {
  if (key === undefined) return []
  // The live file's seals are signed for the name that it gets when it is archived.
  const isArchived = seqInName(source.file) !== undefined
  const name = isArchived ? basename(source.file).replace(/\.gz$/, '') : archiveName(source.file, firstSeq)
  const findings: SegmentFinding[] = []
  const add = (
    kind: 'unsigned' | 'bad-signature',
    seals: SegmentScan['goodSeals'],
    message: string,
  ): void => {
    const [first] = seals
    if (first === undefined) return
    const more =
      seals.length === 1 ? '' : `; the same is true of ${seals.length - 1} later seals in this segment`
    findings.push({ kind, line: first.line, offset: first.offset, message: message + more })
  }
  const fits = (sha256: string, sig: string): boolean =>
    verify(null, Buffer.from(`${sha256} ${name}`), key, Buffer.from(sig, 'base64'))
  add(
    'unsigned',
    scan.goodSeals.filter(({ sig }) => sig === undefined),
    'this seal has no signature',
  )
  add(
    'bad-signature',
    scan.goodSeals.filter(({ sha256, sig }) => sig !== undefined && !fits(sha256, sig)),
    `this seal's signature is not one over its hash and the name ${name} by the given key`,
  )
  return findings
}
