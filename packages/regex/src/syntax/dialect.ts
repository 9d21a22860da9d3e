import { RegexError } from '../errors.ts';
import { REGEX_LIMITS } from '../limits.ts';

/**
 * Where the families differ. `re2` follows RE2's syntax page, `pcre` follows pcre2pattern(3) without UTF, and
 * `modsecurity` is PCRE as rule sets written for ModSecurity expect it: the dot matches every byte and `$` only the
 * very end (PCRE2_DOTALL and PCRE2_DOLLAR_ENDONLY).
 *
 * | | re2 | pcre | modsecurity |
 * |---|---|---|---|
 * | `.` | not `\n` | not `\n` | every byte |
 * | `$` | very end | very end or before a last `\n` | very end |
 * | `\s` | `[\t\n\f\r ]` | and `\x0b` | and `\x0b` |
 * | `\v` | the byte `\x0b` | `[\n\x0b\f\r\x85]` | `[\n\x0b\f\r\x85]` |
 * | `\Z` `\h` `\H` `\V` `\N` `\e` `\cX` `\o{}` `(?#...)` `(?'name'...)` | refused | as PCRE | as PCRE |
 * | `\12` | octal | octal unless so many groups exist | octal unless so many groups exist |
 *
 * Everywhere: `\b`, `\w`, `\d` and case are ASCII, `^` and `$` are the ends of the text unless `m` is set, and only
 * `\n` ends a line.
 */
export type Dialect = 're2' | 'pcre' | 'modsecurity';

/** How one pattern is read. */
export interface RegexOptions {
  /** Default `pcre`. */
  readonly dialect?: Dialect;
  /** Flags that hold from the start, as if `(?ims)` stood in front: any of `i` `m` `s` `x` `U`. Default none. */
  readonly flags?: string;
  /**
   * `bytes` (default): one code unit of the pattern is one byte, and above 0xFF it is refused. `utf8`: the text to
   * search is UTF-8, the dot and negated classes match whole code points, and literals may be any character. Case
   * and `\w`, `\d`, `\s`, `\b` stay ASCII.
   */
  readonly encoding?: 'bytes' | 'utf8';
  /** Most automaton instructions that the pattern may need. Integer, 1 to 1,000,000. Default 100,000. */
  readonly instructionsMax?: number;
}

export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly swapGreed: boolean;
}

export interface ResolvedOptions {
  readonly dialect: Dialect;
  readonly flags: Flags;
  readonly isUtf8: boolean;
  readonly instructionsMax: number;
}

/** Options with every default filled in. Throws `RegexError` (`BAD_OPTION`, `BAD_FLAG`). */
export function resolveOptions(options: RegexOptions): ResolvedOptions {
  const { dialect = 'pcre', flags = '', encoding = 'bytes' } = options;
  const instructionsMax = options.instructionsMax ?? REGEX_LIMITS.instructionsMax;
  if (!(dialect === 're2' || dialect === 'pcre' || dialect === 'modsecurity')) {
    throw new RegexError('BAD_OPTION', -1, 'dialect is not one of re2, pcre, modsecurity');
  }
  if (!(encoding === 'bytes' || encoding === 'utf8')) {
    throw new RegexError('BAD_OPTION', -1, 'encoding is not one of bytes, utf8');
  }
  if (!(Number.isInteger(instructionsMax) && instructionsMax >= 1 && instructionsMax <= 1_000_000)) {
    throw new RegexError('BAD_OPTION', -1, 'instructionsMax is not an integer from 1 to 1000000');
  }
  for (const letter of flags) {
    if (!'imsxU'.includes(letter)) throw new RegexError('BAD_FLAG', -1, 'flags may contain only i, m, s, x and U');
  }
  return {
    dialect,
    isUtf8: encoding === 'utf8',
    instructionsMax,
    flags: {
      ignoreCase: flags.includes('i'),
      multiline: flags.includes('m'),
      dotAll: flags.includes('s') || dialect === 'modsecurity',
      extended: flags.includes('x'),
      swapGreed: flags.includes('U'),
    },
  };
}
