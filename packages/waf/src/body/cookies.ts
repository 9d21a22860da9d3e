import type { CookieValue } from './port.ts';

/**
 * The names and values of Cookie fields, in order (RFC 6265bis 5.8.3, read by servers in ways of their own). Nothing is
 * decoded or overwritten. A value that only some servers see is there too: what stands in quotes around a semicolon is
 * given whole besides its pieces, because Python's and Java's readers take it as one value and the others as several.
 *
 * @param fields The field values as byte strings; HTTP/2 clients send several.
 */
export function parseCookies(fields: readonly string[]): readonly CookieValue[] {
  return fields.flatMap((field) => [...pieces(field), ...quotedValues(field)]);
}

function pieces(field: string): CookieValue[] {
  return field
    .split(';')
    .map((piece) => piece.replace(/^[ \t]+/, ''))
    .filter((piece) => piece !== '')
    .map((piece) => {
      const equals = piece.indexOf('=');
      // A piece without `=` is a name to some servers and a value to others: both are inspected.
      return equals < 0 ? { name: piece, value: piece } : pair(piece, equals);
    });
}

function pair(text: string, equals: number): CookieValue {
  return { name: trimEnd(text.slice(0, equals)), value: trimEnd(text.slice(equals + 1).replace(/^[ \t]+/, '')) };
}

/** `name="a;b"`: values in quotes that have a semicolon inside. */
function quotedValues(field: string): CookieValue[] {
  const found: CookieValue[] = [];
  let at = field.indexOf('="');
  while (at >= 0) {
    const close = field.indexOf('"', at + 2);
    const end = close < 0 ? field.length : close;
    const value = field.slice(at + 2, end);
    if (value.includes(';')) {
      const name = field.slice(field.lastIndexOf(';', at) + 1, at);
      found.push({ name: trimEnd(name.replace(/^[ \t]+/, '')), value });
    }
    at = field.indexOf('="', end);
  }
  return found;
}

/** Without a pattern: `\s+$` is quadratic on white space that something follows. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end--;
  return text.slice(0, end);
}
