import { BoundedMap } from '@sallyport/kernel';

/**
 * Everything but HTAB, visible ASCII, space and obs-text. RFC 9110 §5.5: CR, LF and NUL must not be passed on, and other
 * control characters mean nothing good. One class: it cannot backtrack.
 */
export const FORBIDDEN_CHARACTER: RegExp = /[^\t\x20-\x7e\x80-\xff]/;

/** Fields that decide where a message ends and whether its connection goes on. */
export type FramingField = 'content-length' | 'transfer-encoding' | 'connection';

/** A field name that has been checked. */
export interface FieldName {
  /** Lower case. */
  readonly name: string;
  readonly kind: FramingField | 'other';
}

/** The name as it is looked up, or undefined when it is no token (RFC 9110 §5.6.2). */
export function fieldName(raw: string): FieldName | undefined {
  return FIELD_NAMES.get(raw) ?? learnFieldName(raw);
}

/** Names as servers write them, already checked: lower-casing each field of each response would cost more than the rest. */
const FIELD_NAMES = new BoundedMap<string, FieldName>({ entriesMax: 1_024 });
/** Longer names are not kept: 1,024 of them must stay small. */
const KEPT_NAME_LENGTH_MAX = 64;

function learnFieldName(raw: string): FieldName | undefined {
  if (!TOKEN.test(raw)) return undefined;
  const name = raw.toLowerCase();
  const field: FieldName = { name, kind: isFramingField(name) ? name : 'other' };
  // A slice would keep the whole head it was cut from in memory, for as long as the name is known.
  if (raw.length <= KEPT_NAME_LENGTH_MAX) FIELD_NAMES.set(Buffer.from(raw, 'latin1').toString('latin1'), field);
  return field;
}

function isFramingField(name: string): name is FramingField {
  return name === 'content-length' || name === 'transfer-encoding' || name === 'connection';
}

/** Cuts optional white space (space and tab only, RFC 9110 §5.6.3) from both ends. */
export function trimOws(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isOws(line.charCodeAt(start))) start += 1;
  while (end > start && isOws(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

function isOws(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Exactly three digits (RFC 9112 §4); -1 for anything else. */
export function parseStatusCode(text: string): number {
  return text.length === 3 ? parseLength(text) : -1;
}

/** Digits only, without sign, list or space; -1 for anything else. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > LENGTH_DIGITS_MAX) return -1;
  let bytes = 0;
  for (let index = 0; index < value.length; index += 1) {
    const digit = value.charCodeAt(index) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    bytes = bytes * 10 + digit;
  }
  return bytes;
}

/** A control character other than HTAB. */
export function isControl(byte: number): boolean {
  return (byte < SPACE && byte !== TAB) || byte === DELETE;
}

/** The value of a hexadecimal digit in ASCII; -1 for any other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  // Bit 0x20 is what makes an ASCII letter lower case.
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** `token` (lower case) is one of the members of a comma-separated list. */
export function hasToken(list: string, token: string): boolean {
  return list
    .toLowerCase()
    .split(',')
    .some((member) => member.trim() === token);
}

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;
const ZERO = 0x30;
/** Digits of a Content-Length: 10^15 - 1 is below 2^53. */
const LENGTH_DIGITS_MAX = 15;
