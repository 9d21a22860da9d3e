import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { htmlInParts, inspectHtml } from '../../src/detect/html/xss.ts';
import { inspectSql } from '../../src/detect/sql/sqli.ts';

/** What a reader may have to look far ahead for, or begin again at. */
const FRAGMENTS = [
  "'or",
  "'||",
  "',",
  'or ',
  'or(',
  'or 1 ',
  'not ',
  '1,',
  '-',
  '+',
  '(',
  '[',
  '`',
  '@',
  '$a$',
  '/*',
  '*/',
  '/*!',
  '--\n',
  '#\n',
  'case ',
  'select ',
  'select(',
  'union ',
  'having 1 ',
  'elt(1=',
  '\\',
  "''",
  '""',
  '1.',
  '1e',
  ' ',
  '\0',
  '\xa0',
  'if(',
  ';',
  '<',
  '<a',
  '<a b="',
  "<a b='",
  '<!--',
  '<!',
  '<?',
  '<a/',
  '="',
  '&#',
  '&#0',
  '&#x',
  '//',
  '/*)',
  'a(',
  '`(',
  'style=',
  'on=',
];

const PREFIXES = ['', "'", '"', '1 ', '<a ', "x'+"];

describe.each([
  // Six readings of SQL, seven of HTML, each of which looks at a byte a few times.
  ['SQL', inspectSql, 40],
  ['HTML', inspectHtml, 40],
] as const)('the inspection of %s', (_, inspect, stepsPerByte) => {
  test.each(PREFIXES)('takes linear steps for anything repeated behind %j', (prefix) => {
    for (const fragment of FRAGMENTS) {
      const value = prefix + fragment.repeat(Math.ceil(20_000 / fragment.length));
      expect([fragment, Math.round(inspect(value).steps / value.length) <= stepsPerByte]).toEqual([fragment, true]);
    }
  });

  test('never throws, whatever is put together', () => {
    const pieces = fc.array(
      fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ unit: 'binary-ascii', maxLength: 6 })),
      {
        maxLength: 80,
      },
    );
    fc.assert(
      fc.property(fc.constantFrom(...PREFIXES), pieces, (prefix, parts) => {
        const value = prefix + parts.join('');
        expect(inspect(value).steps).toBeLessThanOrEqual(stepsPerByte * value.length + stepsPerByte);
      }),
      { numRuns: 500 },
    );
  });
});

test('the inspection of HTML pauses in a long value, and says the same as in one piece', () => {
  const values = ['<a ', 'a=b ', '<b>', "x' a", '<!-- a'].flatMap((fragment) => {
    const long = fragment.repeat(Math.ceil(300_000 / fragment.length));
    return [long, `${long}><script>`];
  });
  for (const value of values) {
    const parts = htmlInParts(value, { steps: 0 });
    let part = parts.next();
    while (part.done !== true) part = parts.next();
    expect(part.value).toEqual(inspectHtml(value));
  }
  const parts = htmlInParts('<a '.repeat(100_000), { steps: 0 });
  expect(Array.from(parts).length).toBeGreaterThan(10);
});
