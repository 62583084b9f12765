/** What the options of `verifyLog` may be. */
import { callable, flag, having, type RulesOf } from '../format/options.js'
import type { VerifyOptions } from './verify.js'

export const VERIFY_RULES: RulesOf<VerifyOptions> = {
  publicKey: {
    allowed: 'an Ed25519 public key, as PEM text, bytes or a key object',
    fits: (value) =>
      typeof value === 'string' || value instanceof Uint8Array || having('', 'export').fits(value),
  },
  logId: {
    allowed: '16 hex digits, lower case',
    fits: (value) => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value),
  },
  artifacts: flag,
  onProgress: callable,
}
