import type { BodyBuilder } from './builder.ts';

/**
 * application/x-www-form-urlencoded (WHATWG URL 5.1), pairs separated by `&`. An invalid percent sequence stays as it is
 * written and is flagged: servers disagree about it, and `@validateUrlEncoding` wants to see it. A pair without a name
 * or without `=` is a value as well.
 */
export function parseUrlencoded(body: string, builder: BodyBuilder): void {
  let start = 0;
  while (start < body.length) {
    const separator = body.indexOf('&', start);
    const end = separator < 0 ? body.length : separator;
    if (end > start && !readPair(body, { start, end }, builder)) return;
    builder.steps += end - start + 1;
    start = end + 1;
  }
}

function readPair(body: string, { start, end }: { start: number; end: number }, builder: BodyBuilder): boolean {
  const pair = body.slice(start, end);
  const equals = pair.indexOf('=');
  const nameEnd = equals < 0 ? end : start + equals;
  const valueStart = equals < 0 ? end : nameEnd + 1;
  const entry = {
    name: decode(pair.slice(0, nameEnd - start), builder),
    value: decode(pair.slice(valueStart - start), builder),
    start: valueStart,
    end,
  };
  return builder.add('args', entry, start);
}

function decode(text: string, builder: BodyBuilder): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  return spaced.replaceAll(PERCENT, (sequence) => {
    if (sequence.length === 3) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
    builder.flag('URL_ENCODING');
    return sequence;
  });
}

const PERCENT = /%(?:[0-9A-Fa-f]{2})?/g;
