import type { Vector } from './vector.ts';

/** A rule about what a case asks for, and why the package does not offer it. */
interface Rule {
  readonly reason: string;
  readonly applies: (vector: Vector, pattern: string) => boolean;
}

const RULES: readonly Rule[] = [
  {
    reason: "Rust's flag R (a line may end in \\r\\n): here only \\n ends a line",
    applies: (_, pattern) => /\(\?[a-zA-Z]*R/.test(pattern),
  },
  { reason: 'another line terminator than \\n', applies: ({ lineTerminator }) => lineTerminator !== '\n' },
  {
    reason: 'asks for the earliest end of a match: here a match is leftmost-first',
    applies: ({ searchKind }) => searchKind === 'earliest',
  },
  {
    reason: 'asks for the longest of all matches: here a match is leftmost-first',
    applies: ({ searchKind, matchKind }) => searchKind === 'leftmost' && matchKind === 'all',
  },
  {
    reason: 'asks which of several patterns wins: here a set says which of them match',
    applies: ({ isSet, searchKind, matchKind }) => isSet && (searchKind === 'leftmost' || matchKind !== 'all'),
  },
  { reason: 'Unicode properties', applies: (_, pattern) => /\\[pP]/.test(pattern) },
  {
    reason: "Rust's flag u inside the pattern",
    applies: (_, pattern) => /\(\?[a-zA-Z]*-?[a-zA-Z]*u[a-zA-Z]*[:)]/.test(pattern),
  },
  { reason: 'the flag x, which RE2 has not', applies: (_, pattern) => /\(\?[a-zA-Z]*x/.test(pattern) },
  {
    reason: "Rust's own word boundaries (\\b{start}, \\<, \\>)",
    applies: (_, pattern) => /\\b\{[a-z]|\\[<>]/.test(pattern),
  },
  {
    reason: 'classes inside classes, and their intersections and differences',
    applies: (_, pattern) => /\[[^\]]*(?:&&|--|~~|\[(?!:))/.test(pattern.replaceAll(/\\./g, '')),
  },
  { reason: "Rust's \\u and \\U escapes", applies: (_, pattern) => /\\[uU]/.test(pattern) },
  {
    reason: '\\w, \\d, \\s, \\b and case are ASCII here, and the case asks for their Unicode forms',
    applies: (vector, pattern) =>
      vector.isUnicode &&
      !isAscii(vector.haystack + pattern) &&
      (vector.ignoreCase || /\\[wWdDsSbB]|\(\?[a-zA-Z]*i|\[:/.test(pattern)),
  },
  {
    reason: 'a code point as one item in a pattern of bytes',
    applies: ({ isUnicode }, pattern) => !isUnicode && !isAscii(pattern),
  },
  {
    reason: 'empty matches inside of a code point only for patterns of bytes, and always for those',
    applies: ({ isUnicode, isUtf8, haystack }) => isUnicode !== isUtf8 && !isAscii(haystack),
  },
];

/** Why a case asks for something that the package does not offer; undefined for every case that must hold. */
export function exclusionOf(vector: Vector): string | undefined {
  return RULES.find((rule) => vector.patterns.some((pattern) => rule.applies(vector, pattern)))?.reason;
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
