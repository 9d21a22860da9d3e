import type { BodyBuilder } from './builder.ts';
import { utf8 } from './utf8.ts';

/**
 * XML 1.0 without document types: one value for each text node and CDATA section, and one for each attribute. Comments,
 * instructions and names of elements are kept apart. Of entities only the five that XML defines and character
 * references are expanded; a document type is kept as text and flagged, never read. No recursion.
 */
export function parseXml(body: string, builder: BodyBuilder): void {
  const reader: Reader = { body, builder, open: [], hasRoot: false };
  let at: number | undefined = 0;
  while (at !== undefined && at < body.length) {
    const from: number = at;
    at = body.charCodeAt(at) === LESS ? readMarkup(reader, at) : readText(reader, at);
    builder.steps += (at ?? from) - from;
  }
  if (at !== undefined && (reader.open.length > 0 || !reader.hasRoot) && body !== '') {
    builder.fail('ends inside an element or has none', body.length);
  }
}

interface Reader {
  readonly body: string;
  readonly builder: BodyBuilder;
  /** Names of the elements that have not ended. */
  readonly open: string[];
  hasRoot: boolean;
}

const LESS = 0x3c;

/** Where reading goes on; undefined after an error, which has been recorded. */
type Next = number | undefined;

function readText({ body, builder, open }: Reader, at: number): Next {
  const less = body.indexOf('<', at);
  const end = less < 0 ? body.length : less;
  const text = trimmed(body, at, end);
  if (text.start === text.end) return end;
  const name = open.at(-1);
  if (name === undefined) return refuse(builder, 'has text outside its element', at);
  const value = decodeText(body.slice(text.start, text.end), builder);
  return builder.add('xmlTexts', { name, value, ...text }) ? end : undefined;
}

function readMarkup(reader: Reader, at: number): Next {
  const { body } = reader;
  if (body.startsWith('<!--', at)) return readEnclosed(reader, at, { open: '<!--', close: '-->', list: 'xmlMarkup' });
  if (body.startsWith('<![CDATA[', at)) {
    return readEnclosed(reader, at, { open: '<![CDATA[', close: ']]>', list: 'xmlTexts' });
  }
  if (body.startsWith('<?', at)) {
    if (hasForeignEncoding(body, at)) reader.builder.flag('CHARSET');
    return readEnclosed(reader, at, { open: '<?', close: '?>', list: 'xmlMarkup' });
  }
  if (body.startsWith('<!', at)) return readDoctype(reader, at);
  return body.startsWith('</', at) ? readEndTag(reader, at) : readStartTag(reader, at);
}

interface Enclosure {
  readonly open: string;
  readonly close: string;
  readonly list: 'xmlTexts' | 'xmlMarkup';
}

function readEnclosed({ body, builder, open }: Reader, at: number, { open: begin, close, list }: Enclosure): Next {
  const start = at + begin.length;
  const end = body.indexOf(close, start);
  if (end < 0) return refuse(builder, 'has a comment, instruction or section that does not end', at);
  if (list === 'xmlTexts' && open.length === 0) return refuse(builder, 'has text outside its element', at);
  const entry = { name: open.at(-1) ?? '', value: body.slice(start, end), start, end };
  return builder.add(list, entry, at) ? end + close.length : undefined;
}

/** UTF-7, UTF-16 and EBCDIC hide markup from a reader of bytes. */
function hasForeignEncoding(body: string, at: number): boolean {
  const declaration = /^<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{0,40})/i.exec(body.slice(at, at + 300));
  return declaration !== null && !/^(?:utf-8|us-ascii|iso-8859-15?|windows-1252)$/i.test(declaration[1] ?? '');
}

/** The whole of `<!DOCTYPE ... [ ... ]>`: quotes, comments and brackets inside are stepped over. */
function readDoctype({ body, builder }: Reader, at: number): Next {
  builder.flag('DOCTYPE');
  let depth = 0;
  let index = at + 2;
  for (; index < body.length; index++) {
    builder.steps++;
    const sign = body.charAt(index);
    if (sign === '[') depth++;
    else if (sign === ']') depth--;
    else if (sign === '>' && depth <= 0) break;
    else if (sign === '"' || sign === "'") index = endOr(body, body.indexOf(sign, index + 1));
    else if (body.startsWith('<!--', index)) index = endOr(body, body.indexOf('-->', index + 4)) + 2;
  }
  if (index >= body.length) return refuse(builder, 'has a document type that does not end', at);
  const entry = { name: '!DOCTYPE', value: body.slice(at, index + 1), start: at, end: index + 1 };
  // Among the texts as well, so that rules see what it declares.
  const isKept = builder.add('xmlMarkup', entry) && builder.add('xmlTexts', entry);
  builder.refuse('has a document type', at);
  return isKept ? index + 1 : undefined;
}

function readEndTag({ body, builder, open }: Reader, at: number): Next {
  const close = body.indexOf('>', at);
  const name = close < 0 ? '' : body.slice(at + 2, trimmed(body, at + 2, close).end);
  if (close < 0 || name !== open.at(-1)) return refuse(builder, 'has an end tag that fits no element', at);
  open.pop();
  return close + 1;
}

function readStartTag(reader: Reader, at: number): Next {
  const { body, builder, open } = reader;
  const nameEnd = spanOf(body, NAME, at + 1);
  const name = body.slice(at + 1, nameEnd);
  if (name === '') return refuse(builder, 'has a `<` that begins nothing', at);
  if (open.length === 0 && reader.hasRoot) return refuse(builder, 'has two elements at its top', at);
  if (open.length >= builder.limits.depthMax) return refuse(builder, 'is nested too deep', at);
  if (!builder.add('xmlMarkup', { name, value: name, start: at + 1, end: nameEnd }, at)) return undefined;
  const end = readAttributes(reader, nameEnd, at);
  if (end === undefined) return undefined;
  reader.hasRoot = true;
  if (body.charAt(end) !== '/') open.push(name);
  return body.charAt(end) === '/' ? end + 2 : end + 1;
}

const NAME = /[A-Za-z_:\x80-\xff][\w:.\x80-\xff-]*/y;
const ATTRIBUTE = /[ \t\r\n]+([A-Za-z_:\x80-\xff][\w:.\x80-\xff-]*)[ \t\r\n]*=[ \t\r\n]*(?="[^"<]*"|'[^'<]*')/y;
const TAG_END = /[ \t\r\n]*(?=\/?>)/y;

/** Where the tag ends: at its `>` or `/>`. Attributes stay in order, and one that comes twice is there twice. */
function readAttributes({ body, builder }: Reader, from: number, tag: number): Next {
  const names = new Set<string>();
  let at = from;
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const name = ATTRIBUTE.exec(body)?.[1];
    if (name === undefined) break;
    const start = ATTRIBUTE.lastIndex + 1;
    const end = body.indexOf(body.charAt(start - 1), start);
    if (names.has(name)) builder.flag('DUPLICATE_KEY');
    names.add(name);
    const value = decodeText(body.slice(start, end), builder);
    if (!builder.add('xmlAttributes', { name, value, start, end }, tag)) return undefined;
    at = end + 1;
  }
  TAG_END.lastIndex = at;
  if (!TAG_END.test(body)) return refuse(builder, 'has a tag that is not well formed', tag);
  return TAG_END.lastIndex;
}

function spanOf(body: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(body) ? pattern.lastIndex : at;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeText(text: string, builder: BodyBuilder): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(REFERENCE, (reference, name: string | undefined) => {
    const known = name === undefined ? undefined : ENTITIES[name];
    if (known !== undefined) return known;
    const point = name?.startsWith('#') ? pointOf(name.slice(1)) : undefined;
    if (point !== undefined) return utf8(point);
    builder.flag('ENTITY');
    return reference;
  });
}

const REFERENCE = /&(?:(#[0-9]{1,10}|#x[0-9A-Fa-f]{1,10}|[a-z]{1,8});)?/g;

function pointOf(digits: string): number | undefined {
  const point = digits.startsWith('x') ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10);
  return point > 0 && point <= 0x10_ffff ? point : undefined;
}

/** The span without white space at its ends. */
function trimmed(body: string, from: number, to: number): { readonly start: number; readonly end: number } {
  let start = from;
  let end = to;
  while (start < end && body.charCodeAt(start) <= 0x20) start++;
  while (end > start && body.charCodeAt(end - 1) <= 0x20) end--;
  return { start, end };
}

function endOr(body: string, index: number): number {
  return index < 0 ? body.length : index;
}

function refuse(builder: BodyBuilder, message: string, offset: number): undefined {
  builder.fail(message, offset);
}
