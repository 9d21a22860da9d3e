import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, parseBody, parseContentType, parseCookies } from '../../src/body/index.ts';

const TYPES = [
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'application/json',
  'text/xml',
  '',
];

/** Pieces that bodies are made of, so that random bodies come near to each branch of a parser. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(
      '--b',
      '--b--',
      '\r\n',
      '\n',
      '\r',
      ': ',
      'Content-Disposition: form-data; name="a"',
      '; filename*0=',
    ),
    fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', '\\u00', 'true', '1', 'e5', '-'),
    fc.constantFrom(
      '<',
      '>',
      '/',
      '<a>',
      '</a>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<!DOCTYPE [',
      '&lt;',
      '&#',
      'x="y"',
    ),
    fc.constantFrom('&', '=', '%', '%41', '+', ';', ' ', '\0', '\xff'),
    fc.string({ unit: 'binary-ascii', maxLength: 5 }),
  ),
  { maxLength: 60 },
);

describe('every body', () => {
  test.each(TYPES)('of type %s is read without an exception, within the limits, and to its last byte', (type) => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const body = parts.join('');
        const limits = { ...BODY_LIMITS, valuesMax: 20, depthMax: 5, nameBytesMax: 64 };
        const found = parseBody(parseContentType([type]), body, limits);
        expect(found.args.length).toBeLessThanOrEqual(limits.valuesMax + 1);
        expect(found.rest?.end ?? body.length).toBe(body.length);
        expect(found.steps).toBeLessThanOrEqual(8 * body.length + 8);
        for (const list of [found.args, found.files, found.partHeaders, found.xmlTexts, found.xmlAttributes]) {
          for (const { start, end } of list) expect(0 <= start && start <= end && end <= body.length).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('of a form gives every pair, however it is written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 20 }), (fields) => {
        const written = fields.filter(([name, value]) => name !== '' || value !== '');
        const body = written
          .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
          .join('&');
        const found = parseBody(parseContentType(['application/x-www-form-urlencoded']), body);
        expect(found.args.map(({ name, value }) => [utf8(name), utf8(value)])).toEqual(written);
      }),
    );
  });

  test('of multipart gives every part as it was written, without a flag', () => {
    const content = fc.string({ unit: 'binary' }).map((text) => Buffer.from(text, 'utf8').toString('latin1'));
    const name = fc.stringMatching(/^[\w .-]{1,20}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, content), { minLength: 1, maxLength: 8 }), (fields) => {
        const parts = fields.map(([key, value]) => `Content-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`);
        const body = `--=_b\r\n${parts.join('--=_b\r\n')}--=_b--\r\n`;
        const found = parseBody(parseContentType(['multipart/form-data; boundary==_b']), body);
        expect(found.args.map(({ name: key, value }) => [key, value])).toEqual(fields);
        expect([found.error, [...found.flags]]).toEqual([undefined, []]);
        for (const { value, start, end } of found.args) expect(body.slice(start, end)).toBe(value);
      }),
    );
  });

  test('of JSON that JSON.parse takes has no error, and the other way round', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          pieces.map((parts) => parts.join('')),
        ),
        (text) => {
          const body = Buffer.from(text, 'utf8').toString('latin1');
          const found = parseBody(parseContentType(['application/json']), body, { ...BODY_LIMITS, valuesMax: 10_000 });
          expect(found.error === undefined).toBe(isJson(text) || text.trim() === '');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of JSON gives exactly the leaves of the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const body = Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
        const found = parseBody(parseContentType(['application/json']), body, { ...BODY_LIMITS, valuesMax: 10_000 });
        const given = found.args.map(({ name, value: text }) => `${utf8(name)}=${utf8(text)}`);
        expect(new Set(given)).toEqual(new Set(leavesOf('json', value)));
      }),
    );
  });

  test('of XML gives back every text and attribute', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '<', '>', '&', '"', "'", ']', '\u00e9', '-') });
    const escaped = (plain: string): string =>
      plain.replaceAll('&', '&amp;').replaceAll('<', '&#x3c;').replaceAll('"', '&#34;').replaceAll("'", '&apos;');
    fc.assert(
      fc.property(text, text, (first, second) => {
        const xml = `<a b="${escaped(first)}" c='${escaped(second)}'><d>${escaped(first)}</d><d>${escaped(second)}</d></a>`;
        const found = parseBody(parseContentType(['text/xml']), Buffer.from(xml, 'utf8').toString('latin1'));
        expect(found.error).toBeUndefined();
        expect(found.xmlAttributes.map(({ value }) => utf8(value))).toEqual([first, second]);
        expect(found.xmlTexts.map(({ value }) => utf8(value))).toEqual([first, second].filter((each) => each !== ''));
      }),
    );
  });

  test('of cookies keeps every letter of a value somewhere', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (field) => {
        const found = parseCookies([field]).map(({ name, value }) => `${name}=${value}`);
        const letters = (text: string): string => text.replaceAll(/[^a-z0-9]/gi, '');
        for (const piece of field.split(';').map(letters)) {
          expect(piece === '' || found.some((pair) => letters(pair).includes(piece))).toBe(true);
        }
      }),
    );
  });
});

function leavesOf(name: string, value: fc.JsonValue): string[] {
  if (Array.isArray(value)) {
    return [...value.flatMap((each, index) => leavesOf(`${name}.${index}`, each)), `${name}=${value.length}`];
  }
  if (typeof value !== 'object' || value === null) {
    return [`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
  }
  const members = Object.entries(value);
  return members.length === 0
    ? [`${name}=`]
    : members.flatMap(([key, each]) => leavesOf(`${name}.${key}`, each ?? null));
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
