import type { BodyBuilder } from './builder.ts';
import { readPartHeaders } from './part-headers.ts';

/**
 * multipart bodies (RFC 2046 5.1, RFC 7578). Strict: whatever a lenient server would read in another way is flagged, with
 * ModSecurity's name where it has one. Nothing is dropped: the text before the first boundary and behind the last, parts
 * without a name and parts without an end are values too.
 *
 * @param boundary The parameter of Content-Type; without one nothing can be read.
 */
export function parseMultipart(body: string, boundary: string | undefined, builder: BodyBuilder): void {
  if (boundary === undefined || boundary === '' || boundary.length > BOUNDARY_LENGTH_MAX) {
    builder.fail('has no boundary, more than one, or one that is too long', 0);
    return;
  }
  const reader: Reader = { body, builder, delimiter: `--${boundary}` };
  const first = nextDelimiter(reader, 0);
  if (first === undefined) {
    builder.flag('UNMATCHED_BOUNDARY');
    builder.fail('does not have its boundary', 0);
    return;
  }
  if (!addOutside(reader, { start: 0, end: first.dataEnd }, 'DATA_BEFORE')) return;
  readParts(reader, first);
}

/** RFC 2046 5.1.1, in characters. */
const BOUNDARY_LENGTH_MAX = 70;

interface Reader {
  readonly body: string;
  readonly builder: BodyBuilder;
  /** The boundary with the two dashes in front. */
  readonly delimiter: string;
}

/** A line that separates parts. */
interface Delimiter {
  /** Where the data before ends: the line break in front belongs to the delimiter. */
  readonly dataEnd: number;
  readonly start: number;
  /** Behind its line break. */
  readonly next: number;
  readonly isLast: boolean;
}

function readParts(reader: Reader, first: Delimiter): void {
  const { body, builder } = reader;
  let delimiter = first;
  for (let parts = 0; !delimiter.isLast; parts++) {
    if (parts >= builder.limits.partsMax) {
      builder.flag('FILE_LIMIT_EXCEEDED');
      builder.fail('has too many parts', delimiter.start);
      return;
    }
    const next = nextDelimiter(reader, delimiter.next);
    const end = next?.dataEnd ?? body.length;
    const isThere = next !== undefined || delimiter.next < body.length;
    if (isThere && !readPart(reader, { start: delimiter.next, end: Math.max(end, delimiter.next) })) return;
    if (next === undefined) {
      builder.flag('UNTERMINATED');
      builder.fail('ends before its last boundary', body.length);
      return;
    }
    delimiter = next;
  }
  addOutside(reader, { start: delimiter.next, end: body.length }, 'DATA_AFTER');
}

/** The next line that is the delimiter and nothing else. Every line is looked at once. */
function nextDelimiter(reader: Reader, from: number): Delimiter | undefined {
  const { body, builder, delimiter } = reader;
  let start = from;
  while (start < body.length) {
    const feed = body.indexOf('\n', start);
    const lineEnd = feed < 0 ? body.length : feed;
    builder.steps += lineEnd - start + 1;
    const line = { start, end: lineEnd, next: feed < 0 ? body.length : feed + 1 };
    const found = body.startsWith(delimiter, start) ? readDelimiter(reader, line) : undefined;
    if (found !== undefined) return found;
    if (isNearlyDelimiter(reader, line)) builder.flag('UNMATCHED_BOUNDARY');
    start = lineEnd + 1;
  }
  return undefined;
}

/** A line that begins with the delimiter: with nothing behind it, with the two dashes of the last, or another line. */
function readDelimiter(reader: Reader, line: { start: number; end: number; next: number }): Delimiter | undefined {
  const { body, builder, delimiter } = reader;
  const tail = body.slice(line.start + delimiter.length, line.end);
  const mark = /^(--)?[ \t]*\r?$/.exec(tail);
  if (mark === null) return undefined;
  if (/[ \t]/.test(tail)) builder.flag('BOUNDARY_WHITESPACE');
  if (line.next > line.end) flagLineBreak(reader, tail.endsWith('\r'));
  const lineBreak = line.start > 1 && body.charAt(line.start - 2) === '\r' ? 2 : 1;
  return { dataEnd: Math.max(line.start - lineBreak, 0), start: line.start, next: line.next, isLast: mark[1] === '--' };
}

/** The boundary with more behind it, in other letters, or behind white space: some servers take it. */
function isNearlyDelimiter({ body, delimiter }: Reader, line: { start: number; end: number }): boolean {
  const beginning = body.slice(line.start, Math.min(line.end, line.start + delimiter.length + 4));
  return beginning.trimStart().toLowerCase().startsWith(delimiter.toLowerCase());
}

/** Lines of a body end all with CR LF; LF alone is flagged, and both in one body once more. */
function flagLineBreak({ builder }: Reader, isCrLf: boolean): void {
  if (!isCrLf) builder.flag('LF_LINE');
  if (builder.sawLineBreak(isCrLf)) builder.flag('CRLF_LF_LINES');
}

/** Text before the first boundary or behind the last: no server should read it, and some do. */
function addOutside(
  { body, builder }: Reader,
  { start, end }: { start: number; end: number },
  flag: 'DATA_BEFORE' | 'DATA_AFTER',
): boolean {
  const value = body.slice(start, end);
  if (value.trim() === '') return true;
  builder.flag(flag);
  return builder.add('args', { name: '', value, start, end });
}

function readPart(reader: Reader, span: { readonly start: number; readonly end: number }): boolean {
  const { body, builder } = reader;
  const part = readPartHeaders(body, span, builder);
  if (part === undefined) return false;
  for (const isCrLf of part.lineBreaks) flagLineBreak(reader, isCrLf);
  const [name = ''] = part.names;
  for (const header of part.headers) {
    if (!builder.add('partHeaders', { ...header, name }, span.start)) return false;
  }
  const content = { value: body.slice(part.contentStart, span.end), start: part.contentStart, end: span.end };
  if (part.fileNames.length > 0 && !addFile({ builder, name, content, start: span.start }, part.fileNames))
    return false;
  if (part.isFile) return true;
  // A name that stands there twice is the first to one server and the last to another.
  const names = part.names.length > 0 ? new Set(part.names) : [''];
  for (const each of names) if (!builder.add('args', { name: each, ...content }, span.start)) return false;
  return true;
}

interface FilePart {
  readonly builder: BodyBuilder;
  readonly name: string;
  readonly content: { readonly value: string; readonly start: number; readonly end: number };
  /** Of the part. */
  readonly start: number;
}

function addFile({ builder, name, content, start }: FilePart, fileNames: readonly string[]): boolean {
  const { start: from, end, value } = content;
  const at = { start: from, end };
  builder.filesCombinedSize += value.length;
  for (const fileName of fileNames) if (!builder.add('files', { name, value: fileName, ...at }, start)) return false;
  return (
    builder.add('filesNames', { name, value: name, ...at }, start) &&
    builder.add('filesSizes', { name, value: String(value.length), ...at }, start) &&
    builder.add('filesContent', { name, ...content }, start)
  );
}
