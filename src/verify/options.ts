/** What the options of `verifyLog` may be. */
import { callable, having, type RulesOf } from '../format/options.js'
import type { VerifyOptions } from './verify.js'

export const VERIFY_RULES: RulesOf<VerifyOptions> = {
  publicKey: {
    allowed: 'an Ed25519 public key, as PEM text, bytes or a key object',
    fits: (value) =>
      typeof value === 'string' || value instanceof Uint8Array || having('', 'export').fits(value),
  },
  onProgress: callable,
}
