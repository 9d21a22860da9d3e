import { describe, expect, it } from 'vitest';
import { compile, type Dialect, escapeLiteral, RegexError, type RegexOptions, regex } from '../src/index.ts';

const REFUSED: readonly (readonly [pattern: string, code: string, position: number, options?: RegexOptions])[] = [
  ['a(?=b)', 'LOOK_AROUND', 1],
  ['a(?!b)', 'LOOK_AROUND', 1],
  ['(?<=a)b', 'LOOK_AROUND', 0],
  ['(?<!a)b', 'LOOK_AROUND', 0],
  ['(a)\\1', 'BACK_REFERENCE', 3],
  ['(?<n>a)\\k<n>', 'BACK_REFERENCE', 7],
  ['(?P<n>a)(?P=n)', 'BACK_REFERENCE', 8],
  ['(a)\\g{1}', 'BACK_REFERENCE', 3],
  ['ab(?>c)', 'ATOMIC_GROUP', 2],
  ['a++a', 'POSSESSIVE_QUANTIFIER', 1],
  ['a*+', 'POSSESSIVE_QUANTIFIER', 1, { dialect: 're2' }],
  ['[a-z]*+\\b', 'POSSESSIVE_QUANTIFIER', 5],
  ['(?:ab)++c', 'POSSESSIVE_QUANTIFIER', 6],
  ['(?:a++|b)*c', 'POSSESSIVE_QUANTIFIER', 4],
  ['(?R)', 'RECURSION', 0],
  ['(?1)', 'RECURSION', 0],
  ['(a)?(?(1)b|c)', 'CONDITIONAL', 4],
  ['(?|a|b)', 'UNSUPPORTED', 0],
  ['a\\K', 'UNSUPPORTED', 1],
  ['a\\Gb', 'UNSUPPORTED', 1],
  ['(*UTF8)a', 'CONTROL_VERB', 0],
  ['a\\p{L}', 'UNICODE_CLASS', 1],
  ['(a', 'UNBALANCED', 0],
  ['a)', 'UNBALANCED', 1],
  ['a[b', 'UNBALANCED', 1],
  ['a(?#b', 'UNBALANCED', 1],
  ['[]', 'UNBALANCED', 0],
  ['*a', 'NOTHING_TO_REPEAT', 0],
  ['a|+', 'NOTHING_TO_REPEAT', 2],
  ['a**', 'NOTHING_TO_REPEAT', 2],
  ['(?i)*', 'NOTHING_TO_REPEAT', 4],
  ['{1,2}', 'NOTHING_TO_REPEAT', 0],
  ['a\\Q\\E*', 'NOTHING_TO_REPEAT', 5],
  ['a{3,2}', 'BAD_REPEAT', 1],
  ['a{65536}', 'BAD_REPEAT', 1],
  ['[z-a]', 'BAD_RANGE', 1],
  ['[a-\\d]', 'BAD_RANGE', 1, { dialect: 're2' }],
  ['[[:alpah:]]', 'BAD_CLASS', 1],
  ['[[.a.]]', 'BAD_CLASS', 1],
  ['a\\', 'BAD_ESCAPE', 1],
  ['\\y', 'BAD_ESCAPE', 0],
  ['\\xg', 'BAD_ESCAPE', 0],
  ['\\Z', 'BAD_ESCAPE', 0, { dialect: 're2' }],
  ['[\\b]', 'BAD_ESCAPE', 1, { dialect: 're2' }],
  ['[\\A]', 'BAD_ESCAPE', 1],
  ['\\x{100}', 'NOT_BYTES', 0],
  ['a\u2603', 'NOT_BYTES', 1],
  ['[\u2603]', 'NOT_BYTES', 1],
  ['\\x{110000}', 'NOT_BYTES', 0, { encoding: 'utf8' }],
  ['\\x{d800}', 'NOT_BYTES', 0, { encoding: 'utf8' }],
  ['(?<a>b)(?<a>c)', 'DUPLICATE_NAME', 7],
  ['(?z)a', 'BAD_GROUP', 0],
  ['(?)', 'BAD_GROUP', 0, { dialect: 're2' }],
  ['(?x)a', 'BAD_FLAG', 0, { dialect: 're2' }],
  ['a', 'BAD_FLAG', -1, { flags: 'g' }],
  ['a', 'BAD_OPTION', -1, { instructionsMax: 0 }],
  ['(a{1,1000}){1,1000}', 'TOO_LARGE', 11],
  ['((a{100}){100}){100}', 'TOO_LARGE', 15],
];

describe('what is not a regular expression of the dialect', () => {
  for (const [pattern, code, position, options] of REFUSED) {
    it(`refuses ${pattern} with ${code} at ${position}`, () => {
      const refused = refusalOf(pattern, options);
      expect([refused.code, refused.position]).toEqual([code, position]);
      expect(refused.reason.length).toBeGreaterThan(8);
    });
  }

  it('refuses groups nested deeper than the limit and takes those at it', () => {
    expect(refusalOf(nested(251)).code).toBe('TOO_DEEP');
    expect(regex(nested(250)).test('a')).toBe(true);
  });

  it('refuses a pattern longer than the limit', () => {
    expect(refusalOf('a'.repeat(1_000_001)).code).toBe('TOO_LARGE');
  });

  it('refuses more capture groups than the limit', () => {
    expect(refusalOf('(a)'.repeat(1_001)).code).toBe('TOO_LARGE');
  });

  it('refuses what needs more instructions than the option allows', () => {
    expect(refusalOf('abcdef', { instructionsMax: 5 }).code).toBe('TOO_LARGE');
    expect(regex('abcdef', { instructionsMax: 9 }).test('abcdef')).toBe(true);
  });
});

/** One meaning per row: what the pattern must and must not match in one dialect. */
const MEANINGS: readonly (readonly [
  pattern: string,
  dialect: Dialect,
  matches: string[],
  not: string[],
  flags?: string,
])[] = [
  ['^a.b$', 're2', ['a-b'], ['a\nb', 'a-b\n']],
  ['^a.b$', 'pcre', ['a-b', 'a-b\n'], ['a\nb', 'a-b\n\n']],
  ['^a.b$', 'modsecurity', ['a-b', 'a\nb'], ['a-b\n']],
  ['^a\\Z', 'pcre', ['a', 'a\n'], ['a\n\n', 'ab']],
  ['^a\\z', 'pcre', ['a'], ['a\n']],
  ['(?m)^b$', 'pcre', ['a\nb\nc', 'b\n'], ['ab']],
  ['\\Ab', 'pcre', ['b'], ['a\nb'], 'm'],
  ['^\\s$', 're2', [' ', '\t', '\f'], ['\x0b', '\xa0']],
  ['^\\s$', 'pcre', [' ', '\x0b'], ['\xa0', '\x85']],
  ['^\\v$', 're2', ['\x0b'], ['\n']],
  ['^\\v$', 'pcre', ['\x0b', '\n', '\x85'], [' ']],
  ['^\\h\\H$', 'pcre', ['\xa0a', '\tb'], ['\na']],
  ['^\\N$', 'pcre', ['a'], ['\n'], 's'],
  ['^\\12$', 're2', ['\n'], ['\x0c']],
  ['^\\12\\012\\0$', 'pcre', ['\n\n\0'], []],
  ['^\\x41\\x{42}\\103$', 'pcre', ['ABC'], []],
  ['^\\o{101}\\cA\\e\\a$', 'pcre', ['A\x01\x1b\x07'], []],
  ['^[\\]a-]]?$', 'pcre', ['-', 'a]', ']'], ['b']],
  ['^[]a]$', 'pcre', [']', 'a'], ['b']],
  ['^[^]a]$', 'pcre', ['b', '\n'], [']', 'a']],
  ['^[\\w-.]$', 'pcre', ['a', '-', '.'], ['+']],
  ['^[a-\\d]$', 'pcre', ['a', '-', '5'], ['b']],
  ['^[[:alpha:][:^ascii:]]$', 're2', ['q', '\xe9'], ['1']],
  ['^[[:punct:]]+$', 'pcre', ['!~/@['], ['a']],
  ['^[\\Q]\\E]$', 'pcre', [']'], ['Q']],
  ['^[\\c]a][\\c]b]$', 'pcre', ['\x1db', 'a\x1d'], ['\x1da]']],
  ['^[ab][ab](?i)[ab]$', 'pcre', ['abB'], ['aBb']],
  ['^[\\b]$', 'pcre', ['\x08'], ['b']],
  ['^\\Qa.b*\\E+$', 'pcre', ['a.b*', 'a.b**'], ['aXb']],
  ['^a{,2}{$', 'pcre', ['a{,2}{'], ['aa{']],
  ['^a{2}{x}$', 'pcre', ['aa{x}'], []],
  ['^(?i:A)b$', 'pcre', ['ab', 'Ab'], ['aB']],
  ['^(?i)a(?-i)b$', 'pcre', ['Ab'], ['aB']],
  ['^(?:a(?i)b|c)d$', 'pcre', ['aBd', 'Cd'], ['aBD']],
  ['^(?^:a)$', 'pcre', ['a'], ['A'], 'i'],
  ['^[a-c]+$', 'pcre', ['aBC'], ['\xe9'], 'i'],
  ['^[^a]$', 'pcre', ['b'], ['A', 'a'], 'i'],
  ['^ a b # c\n c$', 'pcre', ['abc'], [' a b'], 'x'],
  ['^[ #]$', 'pcre', [' ', '#'], [], 'x'],
  ['^a(?#c)b(?#d)+$', 'pcre', ['abb'], []],
  ['^(?<one>a)(?P<two>b)$', 're2', ['ab'], []],
  ["^(?'one'a)$", 'pcre', ['a'], []],
  ['^[^"]*+"$', 'pcre', ['ab"'], ['ab']],
  ['^\\d++[a-z]?+$', 'modsecurity', ['12', '12a'], ['a']],
  ['^(?:|a)b|$', 'pcre', ['b', 'ab', ''], []],
  ['^\\C\\C$', 're2', ['\n\xff'], ['a']],
];

describe('what a pattern means', () => {
  for (const [pattern, dialect, matches, not, flags = ''] of MEANINGS) {
    it(`reads ${JSON.stringify(pattern)} as ${dialect} does`, () => {
      const expression = regex(pattern, { dialect, flags });
      expect(matches.filter((text) => !expression.test(text))).toEqual([]);
      expect(not.filter((text) => expression.test(text))).toEqual([]);
    });
  }

  it('matches a literal that was escaped, in every dialect and with every flag', () => {
    const text = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    for (const dialect of ['re2', 'pcre', 'modsecurity'] as const) {
      const flags = dialect === 're2' ? '' : 'x';
      expect(regex(`^${escapeLiteral(text)}$`, { dialect, flags }).testWhole(text)).toBe(true);
    }
  });

  it('swaps greed with the flag U', () => {
    expect(regex('a+', { flags: 'U' }).find('aaa')).toEqual({ start: 0, end: 1 });
    expect(regex('a+?', { flags: 'U' }).find('aaa')).toEqual({ start: 0, end: 3 });
  });

  it('counts captures and knows their names', () => {
    const { captures, names } = compile('(a)(?:b)(?<word>c)((?P<inner>d))');
    expect([captures, names]).toEqual([4, [['word', 2], ['inner', 4]]]); // biome-ignore format: one row
  });
});

function refusalOf(pattern: string, options?: RegexOptions): RegexError {
  try {
    compile(pattern, options);
  } catch (error) {
    if (error instanceof RegexError) return error;
    throw error;
  }
  throw new Error(`${pattern.slice(0, 60)} is not refused`);
}

function nested(depth: number): string {
  return '('.repeat(depth) + 'a' + ')'.repeat(depth);
}
