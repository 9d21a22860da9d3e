import { Buffer } from 'node:buffer';
import type { TomlTable, TomlValue } from './toml.ts';

/** A span, and undefined for a group that took no part. */
export type Expected = readonly [start: number, end: number] | undefined;

/** One case of the vectors, with the defaults of their format filled in. */
export interface Vector {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly isSet: boolean;
  /** One character per byte. */
  readonly haystack: string;
  readonly from: number;
  readonly to: number;
  readonly matches: readonly { readonly id: number; readonly groups: readonly Expected[] }[];
  readonly matchLimit: number;
  readonly compiles: boolean;
  readonly isAnchored: boolean;
  readonly ignoreCase: boolean;
  readonly isUnicode: boolean;
  readonly isUtf8: boolean;
  readonly matchKind: string;
  readonly searchKind: string;
  readonly lineTerminator: string;
}

/** Reads one table of the vectors. */
export function vectorOf(file: string, table: TomlTable): Vector {
  const pattern = table['regex'] ?? '';
  const raw = text(table['haystack']);
  const haystack = Buffer.from(table['unescape'] === true ? unescaped(raw) : Buffer.from(raw, 'utf8')).toString(
    'latin1',
  );
  const patterns = (Array.isArray(pattern) ? pattern : [pattern]).map(text);
  const [from, to] = boundsOf(table['bounds']) ?? [0, haystack.length];
  return {
    name: `${file}/${text(table['name'])}`,
    // Rust writes the option "bytes, not Unicode" as a flag in front of the pattern.
    patterns: patterns.map((source) =>
      source.replace(BYTES_FLAG, (_, others: string) => (others === '' ? '' : `(?${others})`)),
    ),
    isSet: Array.isArray(pattern),
    haystack,
    from,
    to,
    matches: list(table['matches']).map(matchOf),
    matchLimit: Number(table['match-limit'] ?? Number.POSITIVE_INFINITY),
    compiles: table['compiles'] !== false,
    isAnchored: table['anchored'] === true,
    ignoreCase: table['case-insensitive'] === true,
    isUnicode: table['unicode'] !== false && !patterns.some((source) => BYTES_FLAG.test(source)),
    isUtf8: table['utf8'] !== false,
    matchKind: text(table['match-kind'] ?? 'leftmost-first'),
    searchKind: text(table['search-kind'] ?? 'leftmost'),
    lineTerminator: text(table['line-terminator'] ?? '\n'),
  };
}

const BYTES_FLAG = /^\(\?([a-zA-Z]*)-u\)/;

function matchOf(value: TomlValue): Vector['matches'][number] {
  if (!Array.isArray(value) && typeof value === 'object') {
    const groups = value['span'] === undefined ? list(value['spans']).map(spanOf) : [spanOf(value['span'])];
    return { id: Number(value['id']), groups };
  }
  const parts = list(value);
  return { id: 0, groups: typeof parts[0] === 'number' ? [spanOf(value)] : parts.map(spanOf) };
}

function spanOf(value: TomlValue): Expected {
  const [start, end] = list(value);
  return start === undefined ? undefined : [Number(start), Number(end)];
}

function boundsOf(value: TomlValue | undefined): [number, number] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return [Number(value[0]), Number(value[1])];
  return typeof value === 'object' ? [Number(value['start']), Number(value['end'])] : undefined;
}

function list(value: TomlValue | undefined): TomlValue[] {
  return Array.isArray(value) ? value : [];
}

function text(value: TomlValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

const SIMPLE: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, '\\': 0x5c, 0: 0 };

/** The bytes of a haystack written with escapes: `\xHH` is one byte, everything else its UTF-8 form. */
function unescaped(raw: string): Uint8Array {
  const bytes: number[] = [];
  for (const [piece, hex, simple] of raw.matchAll(/\\x([0-9a-fA-F]{2})|\\([nrt\\0])|[^]/gu)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (simple !== undefined) bytes.push(SIMPLE[simple] ?? 0);
    else bytes.push(...Buffer.from(piece, 'utf8'));
  }
  return Uint8Array.from(bytes);
}
