import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, instantiate, type RegexImage } from '../src/index.ts';

/** Long enough to be read at several places at once. */
const LENGTH = 4_099;

/** A text of `LENGTH` bytes of filler with pieces written over it. */
function textOf(filler: string, pieces: readonly (readonly [at: number, piece: string])[]): string {
  let text = filler.repeat(Math.ceil(LENGTH / filler.length)).slice(0, LENGTH);
  for (const [at, piece] of pieces)
    text = `${text.slice(0, at)}${piece}${text.slice(at + piece.length)}`.slice(0, LENGTH);
  return text;
}

function answers(image: RegexImage, text: string): readonly boolean[] {
  return [
    instantiate(image).testBytes(text),
    instantiate(image, { cacheBytesMax: 1_024 }).testBytes(text),
    instantiate(image, { engine: 'simulation' }).testBytes(text),
  ];
}

describe('a text that is read at several places at once', () => {
  const quarter = Math.trunc(LENGTH / 4);

  test.each([
    ['in the first part', 'needle', [[17, 'needle']], true],
    ['in the last part', 'needle', [[LENGTH - 6, 'needle']], true],
    ['across the border of two parts', 'needle', [[quarter - 3, 'needle']], true],
    [
      'across all borders',
      'a.*z',
      [
        [3, 'a'],
        [LENGTH - 2, 'z'],
      ],
      true,
    ],
    [
      'only with what comes before the border',
      'ab\\w*c!',
      [
        [quarter - 2, 'ab'],
        [quarter + 40, 'c!'],
      ],
      false,
    ],
    ['nowhere', 'needle', [], false],
    ['at the end of the text', 'x$', [[LENGTH - 1, 'x']], true],
    ['in front of a last newline', 'x\\Z', [[LENGTH - 2, 'x\n']], true],
    ['only at the end of a line', 'x$', [[quarter, 'x\n']], false],
    ['at its beginning', '^x', [[0, 'x']], true],
    [
      'only at its beginning, where something else is at a border',
      '^x|yy',
      [
        [quarter, 'x'],
        [2 * quarter, 'x'],
      ],
      false,
    ],
    ['at a border of words at the border of parts', '\\bfoo', [[quarter - 1, ' foo']], true],
    ['inside of a word at the border of parts', '\\Bfoo', [[quarter, 'foo']], false],
    ['behind a newline at the border of parts', '(?m)^foo', [[quarter - 1, '\nfoo']], true],
  ] as const)('matches %s', (_, pattern, pieces, isMatch) => {
    expect(answers(compile(pattern, { dialect: 'modsecurity' }), textOf('.', pieces))).toEqual([
      isMatch,
      isMatch,
      isMatch,
    ]);
  });

  test('gives the answer of the simulation, whatever cache it has (seeded)', () => {
    const pattern = fc.constantFrom(
      'ab*c',
      '(?:a|ab)(?:c|bcd)',
      'a[^b]*c',
      '\\ba+\\b',
      'a{3,9}b',
      'c.{5}a',
      'ab.*ca.*bb',
      '^a|cc',
      'a$|b\\Z',
      '(?:ab|bc)+ca',
      '[^a]c{2}',
      'a\\B.\\bc',
    );
    const filler = fc.stringMatching(/^[abc. ]{1,6}$/);
    const piece = fc.tuple(fc.nat(LENGTH - 1), fc.stringMatching(/^[abc\n. ]{1,12}$/));
    fc.assert(
      fc.property(pattern, filler, fc.array(piece, { maxLength: 8 }), (source, rest, pieces) => {
        const [automatic, tiny, simulated] = answers(compile(source, { dialect: 'modsecurity' }), textOf(rest, pieces));
        expect([automatic, tiny]).toEqual([simulated, simulated]);
      }),
      { seed: 20261128, numRuns: 300 },
    );
  });

  test('counts no more steps for what never meets than for two readings', () => {
    const regex = instantiate(compile('(?s)a.*z[^.]'));
    const text = textOf('.', [[0, 'a']]);
    regex.testBytes(text);
    const before = regex.steps;
    expect(regex.testBytes(text)).toBe(false);
    expect(regex.steps - before).toBeLessThan(2 * LENGTH);
  });
});
