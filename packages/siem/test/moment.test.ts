import { describe, expect, it } from 'vitest';
import { parseMoment } from '../src/index.ts';

const NOW_MS = Date.UTC(2026, 10, 28, 12);

describe('a moment', () => {
  it.each([
    ['now', NOW_MS],
    ['2h', NOW_MS - 7_200_000],
    [' 30m ', NOW_MS - 1_800_000],
    ['500ms', NOW_MS - 500],
    ['1w', NOW_MS - 604_800_000],
    ['2026-11-28', Date.UTC(2026, 10, 28)],
    ['2026-11-28T03:00Z', Date.UTC(2026, 10, 28, 3)],
    ['2026-11-28T03:00:01.5Z', Date.UTC(2026, 10, 28, 3, 0, 1, 500)],
    ['2026-11-28T03:00-05:30', Date.UTC(2026, 10, 28, 8, 30)],
    ['2028-02-29', Date.UTC(2028, 1, 29)],
  ])('may be written as %s', (text, timeMs) => {
    expect(parseMoment(text, NOW_MS)).toEqual({ kind: 'ready', timeMs });
  });

  it.each([
    ['2026-11-28T03:00', 0, '2026-11-28T03:00Z'],
    ['  yesterday', 2, undefined],
    ['2026-02-29', 0, undefined],
    ['2026-13-01', 0, undefined],
    ['2026-11-28T24:00Z', 0, undefined],
    ['2026-11-28T03:00+24:00', 0, undefined],
    ['0026-11-28', 0, undefined],
    ['999999999w', 0, undefined],
    ['-2h', 0, undefined],
    ['', 0, undefined],
  ])('is not %j', (text, position, suggestion) => {
    const parsed = parseMoment(text, NOW_MS);
    if (parsed.kind === 'ready') throw new Error(`${text} was read as ${parsed.timeMs}`);
    expect({ position: parsed.problem.position, suggestion: parsed.problem.suggestion }).toEqual({
      position,
      suggestion,
    });
  });
});
