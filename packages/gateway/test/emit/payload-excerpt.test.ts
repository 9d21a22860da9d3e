import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { payloadExcerpt } from '../../src/emit/payload-excerpt.ts';

describe('an excerpt of a payload', () => {
  it.each([
    ['{"password":"Tr0ub4dor&3"}', '{"aaaaaaaa":"Aa0aa0aaa&0"}'],
    ['move 12,-7\n', String.raw`aaaa 00,-0\x0a`],
    ['пароль', '~'.repeat(12)],
    ['\u001b[2J', String.raw`\x1b[0A`],
    ['', ''],
  ])('shows the form of %j and none of its words', (text, excerpt) => {
    expect(payloadExcerpt(Buffer.from(text))).toBe(excerpt);
  });

  it('holds no letter or digit of any payload, and nothing that a terminal acts on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const excerpt = payloadExcerpt(bytes);
        expect(excerpt.replaceAll(/\\x[01][0-9a-f]|\\x7f/g, '')).toMatch(/^[ -/:-@[-`{-~aA0]*$/);
      }),
    );
  });
});
