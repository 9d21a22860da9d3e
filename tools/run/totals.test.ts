import { describe, expect, test } from 'vitest';
import { addTotals, readTotals, type TotalsFormat } from './totals.ts';

describe('the totals of a run', () => {
  test.each<[string, TotalsFormat, string, readonly [number, number], string]>([
    ['a check', 'none', 'anything', [0, 0], ''],
    ['vitest', 'vitest', ' Test Files  2 passed (2)\n      Tests  85 passed (85)\n', [85, 0], ''],
    ['vitest with failures', 'vitest', '      Tests  3 failed | 82 passed (85)\n', [82, 3], ''],
    [
      'vitest with a skipped test',
      'vitest',
      '      Tests  82 passed | 1 skipped (83)\n',
      [82, 0],
      '1 skipped or unwritten tests',
    ],
    ['vitest without tests', 'vitest', 'No test files found\n', [0, 0], 'it ran no test'],
    ['node:test', 'node-test', 'ℹ tests 4\nℹ pass 4\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n', [4, 0], ''],
    [
      'node:test with a hanging test',
      'node-test',
      'ℹ pass 3\nℹ fail 1\nℹ cancelled 2\nℹ skipped 0\nℹ todo 0\n',
      [3, 3],
      '',
    ],
    ['node:test with todo', 'node-test', 'ℹ pass 3\nℹ fail 0\nℹ todo 1\n', [3, 0], '1 skipped or unwritten tests'],
    ['node:test that crashed', 'node-test', 'Error\n', [0, 0], 'it ran no test'],
    ['a suite', 'suite', 'excluded: 2: why\nregex: 900 passed, 0 failed, 2 excluded\n', [900, 0], ''],
    ['a suite with failures', 'suite', 'regex: 900 passed, 7 failed, 2 excluded\n', [900, 7], ''],
    ['a suite that excludes everything', 'suite', 'regex: 0 passed, 0 failed, 9 excluded\n', [0, 0], 'no case passed'],
    ['a suite that crashed', 'suite', 'Error\n', [0, 0], 'it printed no result'],
    ['a campaign', 'campaign', 'frames: seed=7 count=1000 failures=0 valid=12\n', [1, 0], ''],
    ['a campaign with failures', 'campaign', 'frames: seed=7 count=1000 failures=2\n', [0, 1], ''],
    ['a campaign that tried nothing', 'campaign', 'frames: seed=7 count=0 failures=0\n', [0, 1], 'it tried nothing'],
    ['a campaign that crashed', 'campaign', 'Error\n', [0, 0], 'it printed no result'],
  ])('are read from %s', (_, format, output, [passed, failed], complaint) => {
    expect(readTotals(format, output)).toMatchObject({ totals: { passed, failed }, complaint });
  });

  test('add up', () => {
    expect(addTotals({ passed: 1, failed: 2 }, { passed: 3, failed: 4 })).toEqual({ passed: 4, failed: 6 });
  });
});
