import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { REGEX_LIMITS } from '../src/limits.ts';
import { TextBytes } from '../src/text-bytes.ts';

const { textBytesKeptMax, textsBeforeShrinking } = REGEX_LIMITS;

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

  test('keep the room for a text of megabytes between its forms, and give it back behind them', () => {
    const texts = new TextBytes();
    expect(texts.of('a'.repeat(3_000_000)).length).toBe(3_000_000);
    texts.of('b');
    expect(texts.of('c'.repeat(3_000_000)).length).toBe(3_000_000);
    for (let index = 1; index < textsBeforeShrinking; index += 1) {
      expect(texts.of(`b${index}`).length).toBe(3_000_000);
    }
    expect(texts.of('b').length).toBeLessThanOrEqual(textBytesKeptMax);
  });

  test('say of each value whether it occurs, for the text that was asked about last', () => {
    const texts = new TextBytes();
    const occurring = (text: string): number[] =>
      [...texts.present(text).entries()].flatMap(([byte, is]) => (is ? byte : []));
    expect(occurring('')).toEqual([]);
    expect(occurring('ba\xff\0a')).toEqual([0, 0x61, 0x62, 0xff]);
    expect(occurring('ba\xff\0a')).toEqual([0, 0x61, 0x62, 0xff]);
    texts.of('c');
    expect(occurring('b')).toEqual([0x62]);
  });
});
