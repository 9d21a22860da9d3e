import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, parseBody, parseContentType, parseCookies } from '../../src/body/index.ts';

const FORM_TYPE = parseContentType(['application/x-www-form-urlencoded']);

const pairs = (values: readonly { readonly name: string; readonly value: string }[]): string[] =>
  values.map(({ name, value }) => `${name}=${value}`);

describe('a form', () => {
  test.each<[string, string, readonly string[]]>([
    ['every value of a name', 'a=1&a=2&A=3', ['a=1', 'a=2', 'A=3']],
    ['names without values and values without names', 'a&=b&&c=', ['a=', '=b', 'c=']],
    ['decoded bytes', 'a%3Db=%3c+%00%ff', ['a=b=< \0\xff']],
    ['everything behind the first equals sign', 'a=b=c', ['a=b=c']],
    ['invalid sequences as they are', 'a=%4&b=%zz&c=%', ['a=%4', 'b=%zz', 'c=%']],
    ['a semicolon as part of the value', 'a=1;b=2', ['a=1;b=2']],
  ])('gives %s', (_, body, args) => {
    const found = parseBody(FORM_TYPE, body);
    expect([pairs(found.args), found.error]).toEqual([args, undefined]);
    expect(found.flags.has('URL_ENCODING')).toBe(/%(?![0-9a-f]{2})/i.test(body));
  });

  test.each(['+a+', '%3D%', '%4', 'x%zz', '%%41', '%e9+%E9', 'plain'])(
    'decodes %j in a long value as in a short one',
    (piece) => {
      // Padded, so that no escape is spelt across two pieces.
      const once = parseBody(FORM_TYPE, `a=${piece}.`);
      const often = parseBody(FORM_TYPE, `a=${`${piece}.`.repeat(200)}`);
      expect(often.args[0]?.value).toBe((once.args[0]?.value ?? '').repeat(200));
      expect([...often.flags]).toEqual([...once.flags]);
    },
  );

  test('keeps what is beyond its limit as one value', () => {
    const found = parseBody(FORM_TYPE, 'a=1&b=2&c=3', { ...BODY_LIMITS, valuesMax: 1 });
    expect([pairs(found.args), found.error?.offset]).toEqual([['a=1', '=b=2&c=3'], 4]);
  });

  test('of an unknown type is one raw value', () => {
    const found = parseBody(parseContentType(['text/plain']), 'a=1');
    expect([found.processor, found.args, found.rest?.value, found.error]).toEqual(['RAW', [], 'a=1', undefined]);
  });
});

describe('a Content-Type', () => {
  test.each([
    ['application/x-www-form-urlencoded; charset=UTF-8', 'URLENCODED'],
    ['Multipart/Form-Data; boundary=b', 'MULTIPART'],
    ['multipart/mixed; boundary=b', 'MULTIPART'],
    ['application/json', 'JSON'],
    ['application/vnd.api+json', 'JSON'],
    ['text/xml', 'XML'],
    ['application/soap+xml', 'XML'],
    ['application/octet-stream', 'RAW'],
    ['', 'RAW'],
  ])('%s is read as %s', (field, processor) => {
    const type = parseContentType([field]);
    expect([type.processor, type.error]).toEqual([processor, undefined]);
  });

  test.each([
    ['two fields', ['application/json', 'text/plain']],
    ['a list', ['application/json, text/plain']],
    ['a NUL', ['application/json\0']],
    ['two boundaries', ['multipart/form-data; boundary=a; boundary=b']],
    ['a boundary in pieces', ['multipart/form-data; boundary*0=a']],
    ['two charsets', ['application/json; charset=utf-8; charset=utf-7']],
    ['no media type', ['json']],
  ])('with %s is refused', (_, fields) => {
    expect(parseContentType(fields).error).toBeDefined();
  });

  test.each([
    ['application/json; charset=utf-7', true],
    ['application/json; charset=ibm037', true],
    ['application/json; charset="UTF-8"', false],
  ])('%s hides bytes from inspection: %s', (field, isFlagged) => {
    expect(parseContentType([field]).flags.has('CHARSET')).toBe(isFlagged);
  });
});

describe('cookies', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['in order, with every value of a name', ['a=1; b=2; a=3', 'c=4'], ['a=1', 'b=2', 'a=3', 'c=4']],
    ['without a name or without a value', ['=x; y'], ['=x', 'y=y']],
    ['with white space around', [' a = b ;c'], ['a=b', 'c=c']],
    ['with what stands behind the first equals sign', ['a=b=c'], ['a=b=c']],
    ['in quotes, also with escapes decoded', ['a="\\047 or\\"1"; b=2'], ['a="\\047 or\\"1"', 'b=2', 'a=\' or"1']],
    ['in quotes around a semicolon, also whole', ['a="x;y=z"'], ['a="x', 'y=z"', 'a=x;y=z']],
  ])('are given %s', (_, fields, expected) => {
    expect(pairs(parseCookies(fields))).toEqual(expected);
  });
});
