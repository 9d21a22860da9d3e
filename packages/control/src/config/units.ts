/** Parses `500ms`, `30s`, `5m`, `2h`, `1d` to milliseconds; undefined when it is none of these. Whole numbers only. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, DURATION_UNITS);
}

/**
 * Parses `512B`, `10KB`, `1MB`, `1GB` to bytes; undefined when it is none of these. Whole numbers only. A kilobyte is
 * 1,024 bytes: the limit "10 KB" lets 10,240 bytes pass and refuses 10,241 (R1.13).
 */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZE_UNITS);
}

/** What a text that is no duration was probably meant to be: `30s` for `30 sec`; undefined when that is not plain. */
export function suggestDuration(text: string): string | undefined {
  return suggestQuantity(text, {
    d: 'd',
    h: 'h',
    m: 'm',
    s: 's',
    ms: 'ms',
    day: 'd',
    hour: 'h',
    hr: 'h',
    min: 'm',
    minute: 'm',
    sec: 's',
    second: 's',
    msec: 'ms',
    millisecond: 'ms',
  });
}

/** What a text that is no size was probably meant to be: `10KB` for `10 kb`; undefined when that is not plain. */
export function suggestSize(text: string): string | undefined {
  return suggestQuantity(text, {
    b: 'B',
    byte: 'B',
    k: 'KB',
    kb: 'KB',
    kib: 'KB',
    m: 'MB',
    mb: 'MB',
    mib: 'MB',
    g: 'GB',
    gb: 'GB',
    gib: 'GB',
  });
}

/** The shortest text that {@link parseDuration} reads as `ms`, a whole number of milliseconds, not negative. */
export function formatDuration(ms: number): string {
  return formatQuantity(ms, DURATION_UNITS);
}

/** The shortest text that {@link parseSize} reads as `bytes`, a whole number, not negative. */
export function formatSize(bytes: number): string {
  return formatQuantity(bytes, SIZE_UNITS);
}

type Units = readonly (readonly [unit: string, factor: number])[];

/** Largest first, so that formatting takes the first unit that divides. */
const DURATION_UNITS: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const SIZE_UNITS: Units = [
  ['GB', 1_073_741_824],
  ['MB', 1_048_576],
  ['KB', 1_024],
  ['B', 1],
];

function parseQuantity(text: string, units: Units): number | undefined {
  const match = /^(0|[1-9][0-9]{0,15})([A-Za-z]{1,2})$/.exec(text);
  const factor = units.find(([unit]) => unit === match?.[2])?.[1];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function suggestQuantity(text: string, spellings: Readonly<Record<string, string>>): string | undefined {
  const match = /^\s*([0-9]{1,15})\s*([A-Za-z]{1,12})\s*$/.exec(text);
  const spelt = match?.[2]?.toLowerCase() ?? '';
  const unit = [spelt, spelt.replace(/s$/, '')].find((name) => Object.hasOwn(spellings, name));
  return match === null || unit === undefined ? undefined : `${Number(match[1])}${spellings[unit] ?? ''}`;
}

function formatQuantity(value: number, units: Units): string {
  const [unit, factor] = units.find(([, size]) => value >= size && value % size === 0) ?? units.at(-1) ?? ['', 1];
  return `${value / factor}${unit}`;
}
