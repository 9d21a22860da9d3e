import { describe, expect, it } from 'vitest';
import { compile, instantiate, type Regex, regex, regexSet } from '../src/index.ts';

/**
 * Patterns and texts on which a backtracking engine needs polynomial or exponential time: the text is the unit,
 * repeated, and the end. Steps are counted, never time.
 */
const HOSTILE: readonly (readonly [pattern: string, unit: string, end: string])[] = [
  ['^(a+)+$', 'a', '!'],
  ['(?:a|a)*b', 'a', ''],
  ['(a*)*(b*)*c', 'ab', ''],
  ['\\s+\\S+\\s+x', '\n', '!'],
  ['(?i)<[^>]*?script[^>]*?>', '<', ''],
  ['(x+x+)+y', 'x', ''],
  ['.*.*.*=.*', 'a', ''],
  ['(?:.*,){20}x', 'a,', ''],
  ['[^}]{0,50}x', 'a', ''],
  ['(?:ab?){10,40}c', 'a', ''],
  ['a.{0,40}b.{0,40}c', 'ab', ''],
  ['\\b(?:\\w+\\s*)+$', 'a ', '!'],
  ['(?:[ab]{3}|[ab]{5})*c', 'ab', ''],
  ['[ab]*a[ab]{12}c', 'aab', ''],
];

const LENGTHS = [2_048, 4_096, 8_192];

describe('steps grow with the text, not faster (R3.5)', () => {
  it.each(HOSTILE)('for %s on %j repeated', (pattern, unit, end) => {
    const image = compile(pattern);
    const instances = {
      test: (text: string, expression: Regex) => expression.test(text),
      find: (text: string, expression: Regex) => expression.find(text),
      match: (text: string, expression: Regex) => expression.match(text),
      testWhole: (text: string, expression: Regex) => expression.testWhole(text),
    };
    for (const [name, act] of Object.entries(instances)) {
      for (const options of [{}, { cacheBytesMax: 16_384 }, { engine: 'simulation' as const }]) {
        const counts = LENGTHS.map((length) => {
          const expression = instantiate(image, options);
          act(unit.repeat(length / unit.length) + end, expression);
          return expression.steps;
        });
        expect([name, options, growths(counts)]).toEqual([
          name,
          options,
          growths(counts).map((growth) => Math.min(growth, 2.2)),
        ]);
      }
    }
  });

  it('for a set, whatever its prefilter makes of the text', () => {
    const set = regexSet(HOSTILE.map(([pattern]) => pattern));
    for (const [, unit, end] of HOSTILE) {
      const counts = LENGTHS.map((length) => {
        const before = set.steps;
        set.match(unit.repeat(length / unit.length) + end);
        return set.steps - before;
      });
      // The first text also builds states, the others find them.
      expect(Math.max(...growths(counts))).toBeLessThan(2.2);
    }
  });

  it('and iteration stops when the caller has enough, however expensive the rest is', () => {
    const expression = regex('.*[^A-Z]|[A-Z]');
    const text = 'A'.repeat(20_000);
    const first = [...expression.matchAll(text).take(3)];
    expect(first.map(({ start, end }) => [start, end])).toEqual([[0, 1], [1, 2], [2, 3]]); // biome-ignore format: one row
    expect(expression.steps).toBeLessThan(10 * text.length);
  });
});

describe('memory stays within its bounds', () => {
  it('when an input makes a new state at every byte', () => {
    const expression = instantiate(compile('[ab]*a[ab]{14}c'), { cacheBytesMax: 65_536 });
    let seed = 1;
    const text = Array.from({ length: 50_000 }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return seed & 0x10000 ? 'a' : 'b';
    }).join('');
    expect(expression.test(text)).toBe(false);
    expect(expression.cacheBytes).toBeLessThanOrEqual(65_536);
    expect(expression.find(`${text}a${'b'.repeat(14)}c`)?.end).toBe(50_016);
    expect(expression.cacheBytes).toBeLessThanOrEqual(65_536);
  });

  it('of a set, however many of its patterns are driven', () => {
    const patterns = Array.from({ length: 20 }, (_, index) => `x${index}[ab]*a[ab]{10}c`);
    const set = regexSet(patterns, {});
    const text = `${patterns.map((_, index) => `x${index}`).join('')}${'abaab'.repeat(4_000)}`;
    expect(set.match(text)).toEqual([]);
    expect(set.cacheBytes).toBeLessThanOrEqual(67_108_864);
  });
});

describe('patterns that try to break the compiler', () => {
  it.each([
    [
      'an alternation of ten thousand words',
      Array.from({ length: 10_000 }, (_, index) => `word${index}`).join('|'),
      'word9999',
      true,
    ],
    ['two equal words of a hundred thousand letters', `${'a'.repeat(50_000)}b|${'a'.repeat(50_000)}c`, 'c', false],
    [
      'words that are prefixes of one another',
      Array.from({ length: 400 }, (_, index) => 'a'.repeat(400 - index)).join('|'),
      'a',
      true,
    ],
    ['quantifiers inside of groups inside of quantifiers', `${'(?:'.repeat(100)}a${')?'.repeat(100)}b`, 'ab', true],
    ['a thousand empty groups', '()'.repeat(1_000), '', true],
    ['empty loops in empty loops', '(?:(?:(?:|a)*)+)*?b', 'aab', true],
    ['counted repeats of nothing', '(?:(?:){1000}){1000}a{0}', '', true],
    ['a class of everything, negated', '[^\\x00-\\xff]|a', 'a', true],
    ['a flag in every group', '(?i:a(?-i:b(?i:c(?-i:d))))', 'AbCd', true],
  ])('compiles %s', (_, pattern, text, isMatch) => {
    expect(regex(pattern).test(text)).toBe(isMatch);
    expect(regexSet([pattern, 'zz']).match(text)).toEqual(isMatch ? [0] : []);
  });

  it('reads names that are properties of objects as names', () => {
    expect(regex('(?<constructor>a)(?<__proto__>b)').image.names).toEqual([['constructor', 1], ['__proto__', 2]]); // biome-ignore format: one row
  });
});

function growths(counts: readonly number[]): number[] {
  return counts.slice(1).map((count, index) => count / (counts[index] ?? 1));
}
