import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateBits, SECRET_BITS_MIN, secretProblem } from '../src/config/secret-strength.ts';

describe('the strength of secrets (R0.13) (R3.9)', () => {
  it.each([
    ['', 'too easy to guess'],
    ['changeme', 'placeholder'],
    ['CHANGE_ME', 'placeholder'],
    ['change-me-please-this-is-not-a-good-one-at-all', 'placeholder'],
    ['password', 'placeholder'],
    ['my-super-secret-value-0123456789abcdefghijkl', 'placeholder'],
    ['test', 'placeholder'],
    ['your-token-here-your-token-here-your-token-here', 'placeholder'],
    ['0'.repeat(64), 'too easy to guess'],
    ['a'.repeat(1_000), 'too easy to guess'],
    ['xY7'.repeat(40), 'too easy to guess'],
    ['ZYXWVUTSRQPONMLKJIHGFEDCBA'.repeat(4), 'too easy to guess'],
    ['bcdefghijklmnopqrstuvwxyz987654321BCDEFGHIJKLMNOPQ', 'too easy to guess'],
    ['tr0ub4dor&3', 'too easy to guess'],
    ['f3a91c07b2d84e6f', 'too easy to guess'],
    [`${randomBytes(32).toString('base64')}\n`, 'white space'],
    [`${randomBytes(32).toString('base64')}é`, 'outside ASCII'],
  ])('refuses %j', (secret, reason) => {
    expect(secretProblem(secret)).toContain(reason);
  });

  it('takes 32 random bytes in every usual form, and refuses 16', () => {
    fc.assert(
      fc.property(fc.constant(0), () => {
        for (const form of ['hex', 'base64', 'base64url'] as const) {
          expect(secretProblem(randomBytes(32).toString(form))).toBeUndefined();
          expect(estimateBits(randomBytes(16).toString(form))).toBeLessThan(SECRET_BITS_MIN);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never quotes the secret', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12, maxLength: 40 }),
        (secret) => !(secretProblem(secret) ?? '').includes(secret),
      ),
    );
  });
});
