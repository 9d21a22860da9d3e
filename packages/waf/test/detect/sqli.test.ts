import { describe, expect, test } from 'vitest';
import { detectors } from '../../src/detect/index.ts';

describe('the detector of SQL injection', () => {
  test.each([
    // Outside quotes.
    ['7 or 7=7', 'condition (bare)'],
    ['7 and not 3 like 4', 'condition (bare)'],
    ['7 && ascii(mid(x,1,1))>64', 'function (bare)'],
    ['7 union select name from users', 'union (bare)'],
    ['7/**/uNiOn/**/all/**/sElEcT/**/1', 'union (bare)'],
    ['7 /*!50000union*/ /*!select*/ 1,2', 'union (bare)'],
    ['7.union select 1', 'union (bare)'],
    ['7; drop table users', 'stacked (bare)'],
    ['7;exec xp_cmdshell "dir"', 'stacked (bare)'],
    ['7 order by 9', 'clause (bare)'],
    ['7 limit 1,1', 'clause (bare)'],
    ['7--', 'comment (bare)'],
    ['(7)/*', 'comment (bare)'],
    ['(select password from users limit 1)', 'subquery (bare)'],
    ['select * from users', 'query (bare)'],
    ['sleep(9)', 'effect (bare)'],
    ['pg_sleep(9)', 'effect (bare)'],
    ['7 and 1=(select top 1 name from sysobjects)', 'subquery (bare)'],
    ['case when 1=1 then 2 else 3 end', 'case (bare)'],
    ['x,@@version', 'catalog (bare)'],
    ['7 or 0x31=0b1', 'condition (bare)'],
    ['7 or 7', 'condition (bare)'],
    ['7 or true', 'condition (bare)'],
    ['7;--', 'comment (bare)'],
    ['(7)or(7)=(7)', 'condition (bare)'],
    ['7\x0bor\xa07=7', 'condition (bare)'],
    ['7 or`a`=`a`', 'condition (bare)'],
    ['1.e1union select 1', 'union (bare)'],
    ['{d 1} or 1=1', 'condition (bare)'],
    ['if(1=1,sleep(5),0)', 'function (bare)'],
    ["if (select user()) waitfor delay '0:0:5'", 'stacked (bare)'],
    // Inside single quotes.
    ["' or 'x'='x", 'condition (single)'],
    ["x' or 7--", 'condition (single)'],
    ["admin'--", 'comment (single)'],
    ["admin' #", 'comment (single)'],
    ["admin';--", 'comment (single)'],
    ["x') union (select 1,2) -- ", 'union (single)'],
    ["x'||(select 1 from dual)||'", 'subquery (single)'],
    ["x'+'y", 'concatenation (single)'],
    ["x'; waitfor delay '0:0:9'--", 'stacked (single)'],
    ["x' having 1=1--", 'condition (single)'],
    ["x' is not null or 'y", 'condition (single)'],
    ["x','y',(select 1))-- ", 'subquery (single)'],
    ["x','y')-- ", 'list (single)'],
    ["' or 1::int=1", 'condition (single)'],
    [`' or '{"a":1}'::jsonb @> '{}`, 'condition (single)'],
    // A backslash closes the quote of the value before; the application writes the rest.
    ["\\' or 7=7 -- ", 'condition (single)'],
    // Inside double quotes.
    ['" or "x"="x', 'condition (double)'],
    ['x" and sleep(9) and "y', 'effect (double)'],
    // Inside the quotes of a name.
    ['x`-- ', 'comment (backquote)'],
  ])('finds %j', (value, finding) => {
    expect(detectors.sqli(value)).toBe(finding);
  });

  test('finds structure anywhere in a value of a megabyte', () => {
    const padding = 'all work and no play '.repeat(25_000);
    expect(detectors.sqli(padding)).toBeUndefined();
    expect(detectors.sqli(`${padding}' union select 1,2 -- ${padding}`)).toMatch(/^union /);
    for (let before = 45_000; before < 70_000; before += 1_500) {
      const value = `${padding.slice(0, before)}' union ${' '.repeat(8_000)} select 1,2 -- ${padding}`;
      expect(detectors.sqli(value), `${before} bytes before`).toMatch(/^union /);
    }
  });

  test.each([
    ['a comment', (length: number) => `/*${"it's ".repeat(length / 5)}*/`],
    ['many comments', (length: number) => '/*aaaaaaaaaaaa*/'.repeat(length / 16)],
    ['white space', (length: number) => ' \n'.repeat(length / 2)],
    ['line comments', (length: number) => `-- x\n${'-- aaaaaaaaaaaaaaaa\n'.repeat(length / 20)}`],
    ['a comment of MySQL', (length: number) => `#${'a'.repeat(length)}\n`],
  ])('finds structure that %s of any length spread out', (_, paddingOf) => {
    // Found by a review: behind 45 kilobytes of prose, twenty of a comment hid what `or` joins.
    for (const [before, length] of [
      [0, 120_000],
      [46_080, 20_480],
      [60_000, 600_000],
    ] as const) {
      const padding = paddingOf(length);
      const prose = 'lorem ipsum '.repeat(before / 12);
      for (const value of [`1' or ${padding} '1'='1`, `1 union ${padding} select password from users`]) {
        expect(detectors.sqli(`${prose}${value}`), `${before} ${length} ${value.slice(0, 10)}`).toBeTypeOf('string');
      }
    }
  });

  test.each([
    '',
    '0123456789',
    'anna@example.com',
    "O'Brien",
    "women's and men's shoes",
    'rock & roll',
    "rock 'n' roll",
    '5 or 6 people',
    'the union select committee met',
    'select a size from the menu',
    'order by phone',
    'drop by the table',
    'update: set in stone',
    '2 + 2 = 4',
    '10" x 12"',
    '"like"',
    'the "union" of both',
    'https://example.com/a?b=c&d=e#f',
    '/blog/union-select-from-where',
    'item #2',
    '--',
    '-----------',
    'well -- almost',
    'true',
    '{"a": "b", "c": [1, 2]}',
    'a = b; c = d',
    'x = y or y = z',
    'if it is possible, do',
    '\xc3\xa9t\xc3\xa9 and \xc3\xa0 propos',
    'Paris (France), 75001',
    "it's 5 o'clock",
    'f(x) = sin(x) + 1',
    'pass `--option` to it',
    '3 or 4',
    'well: done',
    'if (!isValid) {',
    'if (url === null) return false;',
    'if (a > b) attack();',
  ])('passes %j', (value) => {
    expect(detectors.sqli(value)).toBeUndefined();
  });
});
