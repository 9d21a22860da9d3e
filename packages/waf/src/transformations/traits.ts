/**
 * What one look at the first `length` bytes can say about transformations: a bit for each kind of byte among them. A
 * transformation changes nothing in a text that has none of the traits it needs, so most of a chain need not run on most
 * values.
 */
export function traitsOf(bytes: Uint8Array, length: number): number {
  let traits: number = TRAIT.always;
  for (let index = 0; index < length; index += 1) traits |= TRAIT_OF_BYTE[bytes[index] ?? 0] ?? 0;
  return traits;
}

/** The traits of which a text must have one, or the transformation changes nothing. */
export function traitsNeeded(transformation: string): number {
  return NEEDED.get(transformation.toLowerCase()) ?? TRAIT.always;
}

/** True when what the transformation makes of a text may be longer than the text. */
export function mayLengthen(transformation: string): boolean {
  return !NEVER_LONGER.has(transformation.toLowerCase());
}

const TRAIT = {
  percent: 1 << 0,
  plus: 1 << 1,
  ampersand: 1 << 2,
  backslash: 1 << 3,
  slash: 1 << 4,
  dot: 1 << 5,
  nul: 1 << 6,
  upper: 1 << 7,
  lower: 1 << 8,
  /** Bytes that begin or continue UTF-8 sequences. */
  high: 1 << 9,
  space: 1 << 10,
  /** White space other than the space. */
  control: 1 << 11,
  noBreakSpace: 1 << 12,
  /** What shells drop or turn into spaces: quotes, caret, comma, semicolon. */
  shell: 1 << 13,
  paren: 1 << 14,
  /** `*` and `#`, which comments need; `--` needs a hyphen. */
  comment: 1 << 15,
  hyphen: 1 << 16,
  /** The `0` of `0x41`. */
  zero: 1 << 17,
  /** Of every text, the empty one as well: for transformations that may change anything. */
  always: 1 << 18,
} as const;

const TRAIT_OF_BYTE: Int32Array = new Int32Array(256);
for (const [bytes, trait] of [
  ['%', TRAIT.percent],
  ['+', TRAIT.plus],
  ['&', TRAIT.ampersand],
  ['\\', TRAIT.backslash],
  ['/', TRAIT.slash],
  ['.', TRAIT.dot],
  ['\0', TRAIT.nul],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', TRAIT.upper],
  ['abcdefghijklmnopqrstuvwxyz', TRAIT.lower],
  [' ', TRAIT.space],
  ['\t\n\v\f\r', TRAIT.control],
  ['"\'^,;', TRAIT.shell],
  ['(', TRAIT.paren],
  ['*#', TRAIT.comment],
  ['-', TRAIT.hyphen],
  ['0', TRAIT.zero],
] as const) {
  for (const byte of bytes) TRAIT_OF_BYTE[byte.charCodeAt(0)] = trait;
}
TRAIT_OF_BYTE.fill(TRAIT.high, 0x80);
TRAIT_OF_BYTE[0xa0] = TRAIT.high | TRAIT.noBreakSpace;

const WHITE = TRAIT.space | TRAIT.control | TRAIT.noBreakSpace;

/** By name in lower case. */
const NEVER_LONGER: ReadonlySet<string> = new Set([
  'base64decode',
  'base64decodeext',
  'cmdline',
  'compresswhitespace',
  'cssdecode',
  'escapeseqdecode',
  'hexdecode',
  'jsdecode',
  'lowercase',
  'normalisepath',
  'normalisepathwin',
  'normalizepath',
  'normalizepathwin',
  'removecomments',
  'removecommentschar',
  'removenulls',
  'removewhitespace',
  'replacecomments',
  'replacenulls',
  'sqlhexdecode',
  'trim',
  'trimleft',
  'trimright',
  'uppercase',
  'urldecode',
  'urldecodeuni',
]);

/** By transformation in lower case. Those that are not here may change any text. */
const NEEDED: ReadonlyMap<string, number> = new Map([
  ['cmdline', TRAIT.backslash | TRAIT.shell | TRAIT.control | TRAIT.space | TRAIT.upper],
  ['compresswhitespace', WHITE],
  ['cssdecode', TRAIT.backslash],
  ['escapeseqdecode', TRAIT.backslash],
  ['htmlentitydecode', TRAIT.ampersand],
  ['jsdecode', TRAIT.backslash],
  ['lowercase', TRAIT.upper],
  ['normalisepath', TRAIT.slash | TRAIT.dot],
  ['normalisepathwin', TRAIT.slash | TRAIT.dot | TRAIT.backslash],
  ['normalizepath', TRAIT.slash | TRAIT.dot],
  ['normalizepathwin', TRAIT.slash | TRAIT.dot | TRAIT.backslash],
  ['removecomments', TRAIT.slash | TRAIT.hyphen | TRAIT.comment],
  ['removecommentschar', TRAIT.slash | TRAIT.hyphen | TRAIT.comment],
  ['removenulls', TRAIT.nul],
  ['removewhitespace', WHITE],
  ['replacecomments', TRAIT.slash],
  ['replacenulls', TRAIT.nul],
  ['sqlhexdecode', TRAIT.zero],
  ['trim', TRAIT.space | TRAIT.control],
  ['trimleft', TRAIT.space | TRAIT.control],
  ['trimright', TRAIT.space | TRAIT.control],
  ['uppercase', TRAIT.lower],
  ['urldecode', TRAIT.percent | TRAIT.plus],
  ['urldecodeuni', TRAIT.percent | TRAIT.plus],
  ['utf8tounicode', TRAIT.high],
]);
