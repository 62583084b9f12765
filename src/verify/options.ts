/** What the options of `verifyLog` may be. */
import { callable, flag, having, type Rule, type RulesOf, text } from '../format/options.js'
import type { VerifyOptions } from './verify.js'

const publicKey: Rule = {
  allowed: 'an Ed25519 public key, as PEM text, bytes or a key object',
  fits: (value) =>
    typeof value === 'string' || value instanceof Uint8Array || having('', 'export').fits(value),
}

export const VERIFY_RULES: RulesOf<VerifyOptions> = {
  publicKey,
  logId: {
    allowed: '16 hex digits, lower case',
    fits: (value) => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value),
  },
  artifacts: flag,
  receipts: text,
  receiptsKey: publicKey,
  onProgress: callable,
}
