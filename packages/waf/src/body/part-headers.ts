import type { BodyBuilder } from './builder.ts';
import { isPlainCharset } from './content-type.ts';
import { type Parameter, parseParameters } from './parameters.ts';

/** What the headers of a part say. */
export interface PartHeaders {
  /** Each header as it is written, without its line break; a folded one in one line. */
  readonly headers: readonly { readonly value: string; readonly start: number; readonly end: number }[];
  /** All `name` parameters, the first of which is the part's. */
  readonly names: readonly string[];
  /** All file names: `filename`, `filename*`, its pieces and what they make together. */
  readonly fileNames: readonly string[];
  /**
   * True when every server takes the part for a file: one that knows no RFC 2231 reads `filename*` over, and some take a
   * part with an empty file name for a field.
   */
  readonly isFile: boolean;
  readonly contentStart: number;
  /** Kinds of line breaks, true for CR LF; each kind once. */
  readonly lineBreaks: ReadonlySet<boolean>;
}

/** Reads up to the empty line. Undefined, with the error set, when the headers are longer than the limit. */
export function readPartHeaders(
  body: string,
  { start, end }: { readonly start: number; readonly end: number },
  builder: BodyBuilder,
): PartHeaders | undefined {
  const headers: { value: string; start: number; end: number }[] = [];
  const lineBreaks = new Set<boolean>();
  let at = start;
  for (;;) {
    if (at - start > builder.limits.partHeaderBytesMax) {
      builder.fail('has part headers that are too long', start);
      return undefined;
    }
    const feed = body.indexOf('\n', at);
    const hasBreak = feed >= 0 && feed < end;
    const lineEnd = hasBreak ? feed : end;
    const isCrLf = hasBreak && feed > at && body.charCodeAt(feed - 1) === 0x0d;
    const line = { value: body.slice(at, isCrLf ? lineEnd - 1 : lineEnd), start: at, end: lineEnd };
    if (hasBreak) lineBreaks.add(isCrLf);
    at = hasBreak ? feed + 1 : end;
    if (line.value === '' && hasBreak) break;
    if (line.value !== '') addLine(headers, line, builder);
    if (!hasBreak) {
      // No empty line: headers without content, or content that nothing names. All of it is inspected as both.
      builder.flag('INVALID_PART');
      at = start;
      break;
    }
  }
  return { headers, lineBreaks, contentStart: at, ...disposition(headers, builder) };
}

type Line = { value: string; start: number; end: number };

function addLine(headers: Line[], line: Line, builder: BodyBuilder): void {
  const last = headers.at(-1);
  if (line.value.includes('\0')) {
    builder.flag('NUL');
    builder.flag('INVALID_PART');
  }
  if (line.value.includes('\r')) builder.flag('INVALID_PART');
  if (/^[ \t]/.test(line.value) && last !== undefined) {
    builder.flag('HEADER_FOLDING');
    // RFC 5322 2.2.3 allows a space or a tab; other white space unfolds in some readers only.
    if (/^[ \t]*[\v\f\x85\xa0]/.test(line.value)) builder.flag('INVALID_HEADER_FOLDING');
    headers[headers.length - 1] = { ...last, value: `${last.value} ${line.value.trimStart()}`, end: line.end };
    return;
  }
  if (/^\s/.test(line.value)) builder.flag('INVALID_HEADER_FOLDING');
  if (!HEADER.test(line.value)) builder.flag('INVALID_PART');
  headers.push(line);
}

/** RFC 9110 5.6.2: a name of token characters and a colon that touches it. */
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/;

function disposition(
  headers: readonly Line[],
  builder: BodyBuilder,
): Pick<PartHeaders, 'names' | 'fileNames' | 'isFile'> {
  const parameters: Parameter[] = [];
  const seen = new Set<string>();
  for (const { value } of headers) {
    const colon = value.indexOf(':');
    const name = value.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name !== '' && seen.has(name)) builder.flag('DUPLICATE_HEADER');
    seen.add(name);
    if (name === 'content-transfer-encoding') builder.flag('TRANSFER_ENCODING');
    if (name !== 'content-disposition' && name !== 'content-type') continue;
    const [type = ''] = /^[ \t]*[^\s;]*/.exec(value.slice(colon + 1)) ?? [];
    const found = parseParameters(value.slice(colon + 1 + type.length));
    for (const flag of found.flags) builder.flag(flag);
    if (name === 'content-disposition') {
      if (type.trim().toLowerCase() !== 'form-data') builder.flag('INVALID_PART');
      parameters.push(...found.parameters);
    } else if (found.parameters.some((each) => each.name === 'charset' && !isPlainCharset(each.value))) {
      builder.flag('CHARSET');
    }
  }
  const names = parameters.filter(({ name }) => name === 'name').flatMap(readings);
  if (names.length === 0) builder.flag('INVALID_PART');
  const files = parameters.filter(({ name }) => name === 'filename');
  const pieces = files.filter(({ isExtended }) => isExtended);
  const joined = pieces.length > 1 ? [pieces.map(decodeExtended).join('')] : [];
  if (pieces.some(({ value }) => hasForeignCharset(value))) builder.flag('CHARSET');
  const fileNames = [...new Set([...files.flatMap(readings), ...joined])];
  const isFile = files.some(({ isExtended, value }) => !isExtended && value !== '');
  return { names, fileNames, isFile };
}

/** A value with its backslashes taken out and as it is written, where that differs; an extended one decoded. */
function readings(parameter: Parameter): string[] {
  if (parameter.isExtended) return [...new Set([decodeExtended(parameter), parameter.value])];
  return parameter.raw === parameter.value ? [parameter.value] : [parameter.value, parameter.raw];
}

/** RFC 8187 3.2.1: charset'language'value with percent sequences. */
function decodeExtended({ value }: Parameter): string {
  const text = /^[^']{0,40}'[^']{0,40}'/.test(value)
    ? value.slice(value.indexOf("'", value.indexOf("'") + 1) + 1)
    : value;
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function hasForeignCharset(value: string): boolean {
  const charset = /^([^']{0,40})'/.exec(value)?.[1];
  return charset !== undefined && charset !== '' && !isPlainCharset(charset);
}
