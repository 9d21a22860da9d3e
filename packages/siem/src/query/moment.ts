import { problem, quoted, type TextProblem } from './problem.ts';

export type ParsedMoment =
  | { readonly kind: 'ready'; readonly timeMs: number }
  | { readonly kind: 'refused'; readonly problem: TextProblem };

/**
 * A moment as people say it: `2h` (that long ago), `now`, `2026-11-28` (its midnight in UTC) or `2026-11-28T03:00Z`, with an
 * offset instead of the Z where they like. A time of day without either is refused: two people would read two moments.
 */
export function parseMoment(text: string, nowMs: number): ParsedMoment {
  const trimmed = text.trim();
  const position = text.length - text.trimStart().length;
  if (trimmed === 'now') return { kind: 'ready', timeMs: nowMs };
  const agoMs = durationMs(trimmed);
  if (agoMs !== undefined) return { kind: 'ready', timeMs: nowMs - agoMs };
  const timeMs = isoMs(trimmed);
  if (timeMs !== undefined) return { kind: 'ready', timeMs };
  if (isoMs(`${trimmed}Z`) !== undefined) {
    return { kind: 'refused', problem: problem(`${quoted(trimmed)} has no time zone`, position, `${trimmed}Z`) };
  }
  const message = `${quoted(trimmed)} is no moment: write 2h, 30m, 7d, or 2026-11-28T03:00Z`;
  return { kind: 'refused', problem: problem(message, position) };
}

const DURATION = /^(\d{1,9})(ms|s|m|h|d|w)$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

function durationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  const ms = match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
  return ms === undefined || ms > AGO_MS_MAX ? undefined : ms;
}

/** Longest time ago that is a moment: a hundred years. */
const AGO_MS_MAX = 3_155_760_000_000;

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d))?$/;

/** Milliseconds since 1970 of a date, or of a time with its zone, in ISO 8601; undefined when it is neither. */
export function isoMs(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '0', zone = 'Z'] = match;
  const fields = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const date = new Date(Date.UTC(...fields, Number(fraction.padEnd(3, '0'))));
  // Years below 100 mean others to Date.UTC, and a 31st of February is not the 3rd of March.
  const stood = [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  if (!fields.every((value, index) => value === stood[index])) return undefined;
  const offset = zone === 'Z' ? 0 : offsetMs(zone);
  return offset === undefined ? undefined : date.getTime() - offset;
}

function offsetMs(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
