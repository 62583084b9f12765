/** What the journal's options may be. */
import { flag, group, having, number, oneOf, type RulesOf, secret, text } from '../format/options.js'
import { keepIndexRule } from '../keep/options.js'
import type { JournalOptions } from './journal.js'
import type { SealOptions } from './seal.js'
import type { RotateOptions } from './segment-chain.js'

export const JOURNAL_RULES: RulesOf<JournalOptions> = {
  file: text,
  session: text,
  fsync: oneOf('always', 'everysec', 'no'),
  rotate: group<RotateOptions>({
    maxBytes: number('bytes', { from: 1, endless: true }),
    maxAgeMs: number('milliseconds', { from: 1, endless: true }),
    gzip: flag,
  }),
  seal: group<SealOptions>({
    everyBytes: number('bytes', { from: 1, endless: true }),
    everyMs: number('milliseconds', { from: 1, endless: true }),
    privateKey: secret({
      allowed: 'an Ed25519 private key, as PEM text or a key object',
      fits: (value) => typeof value === 'string' || having('', 'export').fits(value),
    }),
  }),
  maxBufferBytes: number('bytes', { from: 1 }),
  keepIndex: keepIndexRule,
  calls: having('an object of system calls'),
}
