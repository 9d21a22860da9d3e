import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compile,
  escapeLiteral,
  instantiate,
  type Match,
  RegexError,
  type RegexOptions,
  regex,
  shared,
  utf8,
} from '../src/index.ts';

const MATCHES: readonly (readonly [
  pattern: string,
  text: string,
  groups: readonly (string | undefined)[] | undefined,
])[] = [
  ['abc', 'xxabcabc', ['abc']],
  ['a|ab', 'ab', ['a']],
  ['ab|a', 'ab', ['ab']],
  ['(a+)(b|c)*d?', 'xxaabcbd', ['aabcbd', 'aa', 'b']],
  ['(a*)+', 'b', ['', '']],
  ['(a|ab)(c|bcd)(d*)', 'abcd', ['abcd', 'a', 'bcd', '']],
  ['(?:(a)|b)*', 'ab', ['ab', 'a']],
  ['x(?<n>y)?', 'xz', ['x', undefined]],
  ['a+?', 'aaa', ['a']],
  ['(a+?)(a*)', 'aaa', ['aaa', 'a', 'aa']],
  ['(?:|a)+', 'aaa', ['']],
  ['\\bfoo\\b', 'afoo foo', ['foo']],
  ['\\Boo', 'oo foo', ['oo']],
  ['^b', 'ab', undefined],
  ['(?m)^b(.*)$', 'a\nbc\nd', ['bc', 'c']],
  ['[^\\x00-\\x7f]', 'a\xff', ['\xff']],
  ['.{3}', 'ab', undefined],
  ['(a{2}){2}', 'aaaaa', ['aaaa', 'aa']],
];

describe('one pattern', () => {
  it.each(MATCHES)('finds %s in %j', (pattern, text, groups) => {
    const expression = regex(pattern, { dialect: 're2' });
    expect(expression.test(text)).toBe(groups !== undefined);
    expect(textsOf(expression.match(text), text)).toEqual(groups);
  });

  it('matches a whole text even where the preferred match is shorter', () => {
    const expression = regex('a|ab|abc');
    expect(['a', 'ab', 'abc', 'abcd', ''].map((text) => expression.testWhole(text))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('iterates without overlap and passes over an empty match behind a match', () => {
    expect(spansOf('a*', 'aabaa')).toEqual([[0, 2], [3, 5]]); // biome-ignore format: one row
    expect(spansOf('a*?', 'ab')).toEqual([[0, 0], [1, 1], [2, 2]]); // biome-ignore format: one row
    expect(spansOf('', '')).toEqual([[0, 0]]);
  });

  it('searches only inside of its window, but sees the text around it', () => {
    const text = 'foo bar baz';
    const expression = regex('\\b\\w+\\b');
    expect(expression.find(text, { from: 1 })).toEqual({ start: 4, end: 7 });
    expect(expression.find(text, { from: 4, to: 6 })).toBeUndefined();
    expect(expression.find(text, { from: 5, anchor: 'at' })).toBeUndefined();
    expect(regex('bar').find(text, { from: 0, to: 6 })).toBeUndefined();
    expect(regex('bar').find(text, { from: 4, anchor: 'at' })).toEqual({ start: 4, end: 7 });
    expect(regex('^b').find(text, { from: 4 })).toBeUndefined();
    expect(regex('r$').find(text, { to: 7 })).toBeUndefined();
  });

  it.each([
    [-1, 2],
    [2, 1],
    [0, 4],
    [0.5, 1],
    [Number.NaN, 1],
  ])('refuses the window from %d to %d of three bytes', (from, to) => {
    expect(() => regex('a').find('abc', { from, to })).toThrow(RegexError);
  });

  it('searches bytes as it searches the latin1 string of them', () => {
    const bytes = Uint8Array.from([0x61, 0xe9, 0x00, 0xff]);
    expect(regex('\\xe9\\x00').find(bytes)).toEqual({ start: 1, end: 3 });
    expect(regex('\\xff$').find(bytes.subarray(1))).toEqual({ start: 2, end: 3 });
  });

  it('refuses a text with a code unit above 0xFF and says where it is', () => {
    for (const text of ['ab\u0100', '\ud83d\ude00']) {
      expect(() => regex('b').test(text)).toThrow(
        expect.objectContaining({ code: 'NOT_BYTES', position: text.search(/[^\0-\xff]/) }),
      );
      expect(() => regex('b').find(text)).toThrow(RegexError);
      expect(() => regex('b').testWhole(text)).toThrow(RegexError);
      expect(() => [...regex('b').matchAll(text)]).toThrow(RegexError);
    }
  });

  it('accepts a two-byte string whose code units are all bytes', () => {
    const text = ['\u0100', 'ab\xe9'].join('').slice(1);
    expect(regex('b\\xe9').find(text)).toEqual({ start: 1, end: 3 });
  });
});

describe('any bytes', () => {
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    maxLength: 40,
  });

  it('are found by the escaped pattern of them, where indexOf finds them', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (before, wanted, behind) => {
        const text = before + wanted + behind;
        const start = text.indexOf(wanted);
        const expected = { start, end: start + wanted.length };
        expect(regex(escapeLiteral(wanted)).find(text)).toEqual(expected);
        expect(regex(`(?:${escapeLiteral(wanted)})+?|\\x00{99}`).find(text)).toEqual(expected);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('UTF-8', () => {
  const options: RegexOptions = { encoding: 'utf8' };

  it('matches code points with the dot, classes and literals', () => {
    const text = utf8('a\u00e9\u2603\u{1f600}');
    expect(regex('^a.{3}$', options).test(text)).toBe(true);
    expect(regex('^[^b]{4}$', options).test(text)).toBe(true);
    expect(regex('[\u2600-\u2610]', options).find(text)).toEqual({ start: 3, end: 6 });
    expect(regex('\u{1f600}+$', options).find(text)).toEqual({ start: 6, end: 10 });
    expect(regex('\\x{e9}', options).find(text)).toEqual({ start: 1, end: 3 });
  });

  it('matches no malformed sequence with the dot', () => {
    for (const text of ['\xff', '\xc0\x80', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xe2\x98']) {
      expect(regex('^.+$', options).test(text)).toBe(false);
    }
  });

  it('matches every code point and nothing between with a class of all of them', () => {
    const all = regex('^[\\x{0}-\\x{10ffff}]$', options);
    for (const code of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]) {
      expect(all.test(utf8(String.fromCodePoint(code)))).toBe(true);
    }
    expect(all.test('\xed\xa0\x80')).toBe(false);
  });

  it('reports no empty match inside of a code point', () => {
    const found = [...regex('', options).matchAll(utf8('a\u2603'))];
    expect(found.map(({ start }) => start)).toEqual([0, 1, 4]);
  });
});

describe('images', () => {
  it('survive the way into another thread, cloned and shared', () => {
    const image = compile('(?<year>\\d{4})-\\b', { dialect: 'pcre' });
    for (const copy of [structuredClone(image), structuredClone(shared(image))]) {
      expect(instantiate(copy).find('in 2026-11')).toEqual({ start: 3, end: 8 });
    }
    expect(shared(image).program.code.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('of another version are refused', () => {
    expect(() => instantiate({ ...compile('a'), version: 0 })).toThrow(expect.objectContaining({ code: 'BAD_IMAGE' }));
  });
});

function textsOf(match: Match | undefined, text: string): (string | undefined)[] | undefined {
  return match?.groups.map((group) => group && text.slice(group.start, group.end));
}

function spansOf(pattern: string, text: string): number[][] {
  return [...regex(pattern).matchAll(text)].map(({ start, end }) => [start, end]);
}
