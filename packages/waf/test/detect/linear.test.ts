import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inspectHtml } from '../../src/detect/html/xss.ts';
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
