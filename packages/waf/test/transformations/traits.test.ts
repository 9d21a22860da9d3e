import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { transformationNames, transformationOf } from '../../src/transformations/registry.ts';
import { mayLengthen, traitsNeeded, traitsOf } from '../../src/transformations/traits.ts';

const CARED_FOR = 'aA0 /\\%+&.-#*;,"\'^(x\0\t\n\xa0\xc3\xa9<!';

function traitsOfText(text: string): number {
  return traitsOf(Buffer.from(text, 'latin1'), text.length);
}

/** Texts of bytes that transformations care about, mostly. */
const texts = fc.string({
  unit: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...CARED_FOR.split('')) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
  ),
  maxLength: 12,
});

describe('the traits of a text', () => {
  test.each(transformationNames())('say rightly what %s leaves as it is', (name) => {
    const transform = transformationOf(name);
    fc.assert(
      fc.property(texts, (text) => {
        if ((traitsNeeded(name) & traitsOfText(text)) === 0) expect(transform?.(text)).toBe(text);
      }),
      { numRuns: 400 },
    );
  });

  test.each(transformationNames().filter((name) => !mayLengthen(name)))(
    'say rightly that %s lengthens nothing',
    (name) => {
      const transform = transformationOf(name);
      fc.assert(
        fc.property(texts, (text) => {
          expect(transform?.(text).length).toBeLessThanOrEqual(text.length);
        }),
        { numRuns: 400 },
      );
    },
  );

  test('never let the digest of an empty text be the empty text', () => {
    expect(traitsNeeded('sha1') & traitsOfText('')).not.toBe(0);
    expect(traitsNeeded('length') & traitsOfText('')).not.toBe(0);
  });
});
