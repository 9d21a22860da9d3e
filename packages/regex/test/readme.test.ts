import { expect, it } from 'vitest';
import { regex, regexSet } from '../src/index.ts';

it('does what the README says one pattern does', () => {
  const date = regex('(?<year>\\d{4})-(?<month>\\d\\d)');
  expect(date.test('on 2026-11-21')).toBe(true);
  expect(date.find('on 2026-11-21')).toEqual({ start: 3, end: 10 });
  expect(date.match('on 2026-11-21')?.groups[1]).toEqual({ start: 3, end: 7 });
  expect(date.testWhole('2026-11')).toBe(true);
  expect(date.image.names).toEqual([
    ['year', 1],
    ['month', 2],
  ]);
  expect([...date.matchAll('2026-11 2026-12')].map(({ start }) => start)).toEqual([0, 8]);
});

it('does what the README says many patterns do', () => {
  const rules = regexSet([
    '(?i)union\\s+select',
    { pattern: '<script[^>]*>', options: { flags: 'i' } },
    { phrases: ['/etc/passwd', 'cmd.exe'] },
  ]);
  expect(rules.match('1 UNION SELECT 2')).toEqual([0]);
  expect(rules.match('/a/../etc/passwd', rules.subset([2]))).toEqual([2]);
  expect(rules.phraseFound(2)).toEqual({ phrase: 0, end: 16 });
  expect(rules.find(0, '1 UNION SELECT 2')).toEqual({ start: 2, end: 14, groups: [{ start: 2, end: 14 }] });
});
