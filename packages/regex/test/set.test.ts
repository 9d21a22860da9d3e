import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compileSet,
  instantiateSet,
  RegexError,
  type RegexSet,
  type RegexSetImage,
  regex,
  regexSet,
  type SetMember,
  sharedSet,
} from '../src/index.ts';

const MEMBERS: readonly SetMember[] = [
  '(?i)union\\s+select',
  '<script[^>]*>',
  '^\\d+$',
  { phrases: ['/etc/passwd', 'cmd.exe', 'passwd'] },
  { phrases: ['Admin', 'root'], ignoreCase: false },
  'a(b|c)+d',
  '',
  { pattern: 'x.y', options: { flags: 's' } },
];

const TEXTS: readonly (readonly [text: string, members: readonly number[]])[] = [
  ['', [6]],
  ['12345', [2, 6]],
  ['1 UNION  SELECT 2', [0, 6]],
  ['<script src=x>', [1, 6]],
  ['cat /ETC/PASSWD', [3, 6]],
  ['admin', [6]],
  ['Admin and admin', [4, 6]],
  ['xx abccd', [5, 6]],
  ['x\ny', [6, 7]],
  ['union\tselect <script> /etc/passwd root abd x-y', [0, 1, 3, 4, 5, 6, 7]],
];

describe('a set', () => {
  const set = regexSet(MEMBERS);

  it.each(TEXTS)('says which members match %j', (text, members) => {
    expect(set.match(text)).toEqual(members);
  });

  it.each(TEXTS)('says the same without its prefilter, by simulation and with a tiny cache for %j', (text, members) => {
    const image = compileSet(MEMBERS);
    expect(instantiateSet(image, { engine: 'single' }).match(text)).toEqual(members);
    expect(instantiateSet(image, { engine: 'prefilter' }).match(text)).toEqual(members);
    expect(instantiateSet(image, { engine: 'filtered' }).match(text)).toEqual(members);
    expect(instantiateSet(image, { engine: 'simulation' }).match(text)).toEqual(members);
    expect(instantiateSet(image, { cacheBytesMax: 1024 }).match(text)).toEqual(members);
  });

  it.each(TEXTS)('asked about a subset, says which of it match %j', (text, members) => {
    for (const subset of [[0], [2, 6], [3, 4], [0, 1, 2, 3, 4, 5]]) {
      const expected = members.filter((member) => subset.includes(member));
      expect(set.match(text, set.subset(subset))).toEqual(expected);
    }
    expect(set.match(text, set.subset([]))).toEqual([]);
  });

  it('keeps every matching member among its candidates', () => {
    for (const [text, members] of TEXTS) expect(set.candidates(text)).toEqual(expect.arrayContaining([...members]));
    expect(set.candidates('hello')).not.toContain(0);
  });

  it('names the phrase that was found first and where it ends', () => {
    set.match('the passwd of /etc/passwd');
    expect(set.phraseFound(3)).toEqual({ phrase: 2, end: 10 });
    set.match('admin Admin');
    expect(set.phraseFound(4)).toEqual({ phrase: 0, end: 11 });
    set.match('nothing');
    expect(set.phraseFound(3)).toBeUndefined();
  });

  it('finds a case-sensitive phrase behind one of the wrong case', () => {
    expect(set.match('ROOT Root root')).toEqual([4, 6]);
    expect(set.phraseFound(4)).toEqual({ phrase: 1, end: 14 });
  });

  it('finds where a pattern matches, with or without a backward automaton', () => {
    const text = 'say abccd';
    const expected = {
      start: 4,
      end: 9,
      groups: [
        { start: 4, end: 9 },
        { start: 7, end: 8 },
      ],
    };
    expect(set.find(5, text)).toEqual(expected);
    expect(regexSet(MEMBERS, { answer: 'span' }).find(5, text)).toEqual(expected);
    expect(set.find(3, 'passwd')).toBeUndefined();
  });

  it('works after structuredClone and in shared memory', () => {
    const image = compileSet(MEMBERS);
    const copies: readonly RegexSetImage[] = [structuredClone(image), structuredClone(sharedSet(image))];
    for (const copy of copies) {
      for (const [text, members] of TEXTS) expect(instantiateSet(copy).match(text)).toEqual(members);
    }
  });

  it('may be empty', () => {
    expect(regexSet([]).match('a')).toEqual([]);
  });

  it('holds hundreds of patterns and tells them apart', () => {
    const words = Array.from({ length: 300 }, (_, index) => `(?i)word${index}x\\b`);
    const many = regexSet(words);
    for (const index of [0, 31, 32, 63, 64, 255, 299]) expect(many.match(`a WORD${index}X b`)).toEqual([index]);
  });
});

describe('what a set refuses', () => {
  it.each([
    ['a bad pattern', () => compileSet(['a', '(b']), { code: 'UNBALANCED', member: 1, position: 0 }],
    ['an empty phrase', () => compileSet([{ phrases: ['a', ''] }]), { code: 'BAD_OPTION', member: 0 }],
    ['a phrase that is not bytes', () => compileSet(['a', { phrases: ['\u2603'] }]), { code: 'NOT_BYTES', member: 1 }],
    ['a subset with a member it has not', () => regexSet(['a']).subset([1]), { code: 'BAD_OPTION', member: 1 }],
    ['a text that is not bytes', () => regexSet(['a']).match('\u0100'), { code: 'NOT_BYTES', position: 0 }],
    [
      'a cache too small to hold anything',
      () => instantiateSet(compileSet(['a']), { cacheBytesMax: 1 }),
      { code: 'BAD_OPTION' },
    ],
  ])('refuses %s', (_, act, expected) => {
    expect(act).toThrow(RegexError);
    expect(act).toThrow(expect.objectContaining(expected));
  });
});

describe('the prefilter', () => {
  /** Patterns whose literals are easy to derive wrongly: each with texts that match and must stay candidates. */
  it.each([
    ['(?:ab|c)?d', ['d', 'abd', 'cd']],
    ['(?:ab){2,3}c', ['ababc', 'abababc']],
    ['a+b', ['ab', 'aaab']],
    ['(?i)K\\x{e9}', ['k\xe9', 'K\xe9']],
    ['foo(?:|bar)baz', ['foobaz', 'foobarbaz']],
    ['(?:select|union)[^;]*from', ['select a from', 'union from']],
    ['[0-9]{3}-[0-9]{4}', ['555-0100']],
    ['(?:a|b|c)(?:d|e|f)(?:g|h|i)(?:j|k|l)(?:m|n|o)', ['adgjm', 'cfilo']],
    ['averyveryverylongliteral(?:x|yy)', ['averyveryverylongliteralyy']],
    ['\\bab\\b', ['ab', 'x ab y']],
    ['(?:^|\\n)GET', ['GET', 'x\nGET']],
    ['[\\xc0-\\xff]{2}', ['\xc3\xe9']],
    ['(?:(?:a|bc)d)*e', ['e', 'ade', 'bcde']],
  ])('never rules out %s where it matches', (pattern, texts) => {
    const set = regexSet([pattern, 'unrelated']);
    for (const text of texts) {
      expect(regex(pattern).test(text)).toBe(true);
      expect(set.match(`..${text}..`)).toEqual(regex(pattern).test(`..${text}..`) ? [0] : []);
      expect(set.match(text)).toEqual([0]);
    }
  });

  it('spends on states that no other text needs what reading costs, and says the same (seeded)', () => {
    // Each pattern alone needs a state for every byte of such a text, of which no two are the same.
    const members = ['a[ab]{200}c', 'b[ab]{300}d', '[ab]a[ab]{100}e', 'b[ab]{100}a[ab]{3}$'];
    const image = compileSet(members);
    const together = instantiateSet(image);
    const alone = instantiateSet(image, { engine: 'prefilter' });
    let state = 1;
    const beginning = Array.from({ length: 8_192 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 31 === 0 ? 'a' : 'b';
    });
    const text = `${beginning.join('')}b${'a'.repeat(104)}`;
    const steps = (set: RegexSet): number => {
      const before = set.steps;
      expect(set.match(text)).toEqual([3]);
      return set.steps - before;
    };
    expect(steps(together)).toBeLessThan(steps(alone) + 100_000);
  });

  it('finds in a long text what it finds in a short one, and where phrases occur first (seeded)', () => {
    const members: readonly SetMember[] = [
      '(?i)union\\s+select',
      '[<>]{2}',
      'in(?:to|form)ation(?:al)?',
      { phrases: ['information schema', 'formation', 'on'] },
      { phrases: ['select', 'ion sel'] },
    ];
    const set = regexSet(members);
    // Where the case of a phrase counts every literal is met as often as it occurs.
    const plain = regexSet([...members, { phrases: ['\xff\xfe'], ignoreCase: false }]);
    const piece = fc.constantFrom(
      'union ',
      'Select',
      'inform',
      'ation',
      'al',
      '<',
      '>',
      ' ',
      'information schem',
      'a',
      '\n',
    );
    const text = fc
      .tuple(fc.array(piece, { maxLength: 40 }), fc.nat(6_000), fc.array(piece, { maxLength: 40 }))
      .map(([before, length, behind]) => `${before.join('')}${'.'.repeat(length)}${behind.join('')}`);
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
        for (const one of texts) {
          expect(set.candidates(one)).toEqual(plain.candidates(one));
          for (const member of [3, 4]) expect(set.phraseFound(member)).toEqual(plain.phraseFound(member));
        }
      }),
      { seed: 20261128, numRuns: 300 },
    );
  });
});
