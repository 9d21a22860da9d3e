import type { BodyFlag } from './port.ts';

/** A parameter of Content-Type or Content-Disposition, as it is written. */
export interface Parameter {
  /** Lower case. Without the asterisk and the number of RFC 2231's extensions. */
  readonly name: string;
  readonly value: string;
  /** The text between the quotes before its backslashes were taken out; equal to `value` if it had none. */
  readonly raw: string;
  readonly isQuoted: boolean;
  /** `name*=charset'language'value`, or a piece `name*0=` of one value. */
  readonly isExtended: boolean;
}

export interface Parameters {
  /** All of them in order: one that comes twice is there twice. */
  readonly parameters: readonly Parameter[];
  readonly flags: ReadonlySet<BodyFlag>;
}

/**
 * Reads `; name=value; name="value"` (RFC 9110 5.6.6, RFC 8187, RFC 2231). What does not fit is flagged and skipped up to
 * the next semicolon. Linear: every character is consumed once, and at most `PARAMETERS_MAX` parameters are kept.
 */
export function parseParameters(text: string): Parameters {
  const parameters: Parameter[] = [];
  const flags = new Set<BodyFlag>();
  if (text.includes('\0')) flags.add('NUL');
  let at = 0;
  while (at < text.length) {
    const start = readSeparator(text, at, flags);
    const parameter = readParameter(text, start, flags);
    if (parameter !== undefined && parameters.length >= PARAMETERS_MAX) {
      flags.add('INVALID_PART');
      break;
    }
    if (parameter !== undefined) parameters.push(parameter.parameter);
    const next = parameter?.next ?? text.indexOf(';', start);
    at = next < 0 ? text.length : next;
  }
  for (const { isExtended } of parameters) if (isExtended) flags.add('EXTENDED_PARAMETER');
  const plain = parameters.filter(({ isExtended }) => !isExtended).map(({ name }) => name);
  if (new Set(plain).size < plain.length) flags.add('DUPLICATE_PARAMETER');
  return { parameters, flags };
}

/** Parameters of one field. Nobody writes more than three; each is compared with rules. */
const PARAMETERS_MAX = 32;

/** Steps over white space and semicolons; a parameter without a semicolon before it is flagged. */
function readSeparator(text: string, from: number, flags: Set<BodyFlag>): number {
  let at = from;
  let semicolons = 0;
  for (; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === ';') semicolons++;
    else if (sign !== ' ' && sign !== '\t') break;
  }
  if (semicolons === 0 && at < text.length) flags.add('MISSING_SEMICOLON');
  return at;
}

function readParameter(
  text: string,
  start: number,
  flags: Set<BodyFlag>,
): { readonly parameter: Parameter; readonly next: number } | undefined {
  HEAD.lastIndex = start;
  const head = HEAD.exec(text);
  if (head === null) {
    if (start < text.length) flags.add('INVALID_PART');
    return undefined;
  }
  const [whole, name = '', extension = ''] = head;
  const isQuoted = text.charAt(start + whole.length) === '"';
  const at = start + whole.length;
  if (/\s/.test(whole)) flags.add('INVALID_QUOTING');
  const { raw, next } = isQuoted ? readQuoted(text, at, flags) : readToken(text, at, flags);
  const value = isQuoted ? raw.replaceAll(/\\([^])/g, '$1') : raw;
  const parameter = { name: name.toLowerCase(), value, raw, isQuoted, isExtended: extension !== '' };
  return { parameter, next };
}

const HEAD = /([^\s;="'*]{1,128})((?:\*[0-9]{0,4}){0,2})[ \t]{0,8}=[ \t]{0,8}/y;

function readQuoted(text: string, at: number, flags: Set<BodyFlag>): { raw: string; next: number } {
  let end = at + 1;
  while (end < text.length && text.charAt(end) !== '"') end += text.charAt(end) === '\\' ? 2 : 1;
  const raw = text.slice(at + 1, end);
  // Behind the closing quote only a separator may stand: `name="a"b` is `a` to one reader and `ab` to another.
  if (end >= text.length || !/^[;\s]?$/.test(text.charAt(end + 1))) flags.add('INVALID_QUOTING');
  return { raw, next: Math.min(end + 1, text.length) };
}

function readToken(text: string, at: number, flags: Set<BodyFlag>): { raw: string; next: number } {
  let end = at;
  while (end < text.length && !'; \t'.includes(text.charAt(end))) end++;
  const raw = text.slice(at, end);
  if (/["\\]|^'/.test(raw)) flags.add('INVALID_QUOTING');
  return { raw, next: end };
}
