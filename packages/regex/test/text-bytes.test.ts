import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { REGEX_LIMITS } from '../src/limits.ts';
import { TextBytes } from '../src/text-bytes.ts';

const { textBytesKeptMax } = REGEX_LIMITS;

describe('the bytes of the text under search', () => {
  test('are those of every text in turn, whatever came before it', () => {
    const texts = new TextBytes();
    const lengths = [0, 3, 257, 2, textBytesKeptMax, textBytesKeptMax + 1, 5, 200_000, 150_000, 0, 4];
    for (const [index, length] of lengths.entries()) {
      const text = String.fromCharCode(0xf0 + index).repeat(length);
      const bytes = texts.of(text);
      expect(Buffer.from(bytes.subarray(0, length)).toString('latin1')).toBe(text);
      expect(texts.of(text)).toBe(bytes);
    }
  });

  test('take no more room behind a text of megabytes than before it', () => {
    const texts = new TextBytes();
    expect(texts.of('a'.repeat(3_000_000)).length).toBe(3_000_000);
    expect(texts.of('b').length).toBeLessThanOrEqual(textBytesKeptMax);
  });
});
