import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, type BodyCollections, parseBody, parseContentType, parseCookies } from '../../src/body/index.ts';

function parse(type: string, body: string): BodyCollections {
  return parseBody(parseContentType([type]), body);
}

function formPart(headers: readonly string[], content: string): string {
  return ['--b', ...headers, '', content, '--b--', ''].join('\r\n');
}

const MULTIPART = 'multipart/form-data; boundary=b';

describe('a bug of another parser', () => {
  test('CVE-2021-42717, GHSA-6gcq-wc29-5xf2: nesting of any depth costs linear steps and no stack', () => {
    const found = parse('application/json', '['.repeat(100_000));
    expect(found.error?.message).toBe('The JSON body is nested too deep');
    expect(found.rest?.value.length).toBeGreaterThan(90_000);
    expect(found.steps).toBeLessThan(200_000);
  });

  test('CVE-2022-48279: a part that is not well formed does not hide the next', () => {
    const next = 'Content-Disposition: form-data; name="b"\r\n\r\nevil';
    const found = parse(
      MULTIPART,
      `--b\r\nContent-Disposition form-data name=a\r\n\r\n1\r\n--b\r\n${next}\r\n--b--\r\n`,
    );
    expect(found.args.map(({ value }) => value)).toEqual(['1', 'evil']);
    expect(found.flags).toContain('INVALID_PART');
  });

  test('CVE-2023-24021: a NUL in a file does not cut its content', () => {
    const found = parse(MULTIPART, formPart(['Content-Disposition: form-data; name=f; filename=x'], 'a\0evil'));
    expect(found.filesContent[0]?.value).toBe('a\0evil');
  });

  test('CVE-2023-40586: a Content-Type of any shape is an answer, never an exception', () => {
    for (const field of [
      'multipart/form-data',
      ';',
      'a/b;=',
      'multipart/form-data; boundary=',
      '\0',
      'x'.repeat(9000),
    ]) {
      expect(parse(field, 'evil').rest?.value).toBe('evil');
    }
  });

  test('CVE-2025-47947: thousands of values end at the limit, and the rest is one', () => {
    const found = parse('application/json', `[${'"a",'.repeat(50_000)}"evil"]`);
    expect(found.args).toHaveLength(BODY_LIMITS.valuesMax + 1);
    expect(found.rest?.value.endsWith('"evil"]')).toBe(true);
  });

  test('GHSA-6r3q-mjv7-xr8m: empty arrays cost no more than their limit', () => {
    const found = parse('application/json', `[${'[],'.repeat(50_000)}1]`);
    expect(found.args).toHaveLength(BODY_LIMITS.valuesMax + 1);
  });

  test('CVE-2025-52891: an empty XML element is none that the parser trips over', () => {
    expect(parse('text/xml', '<a></a>').error).toBeUndefined();
    expect(parse('text/xml', '<a/>').error).toBeUndefined();
  });

  test('CVE-2026-21876: every part shows its charset, not only the last', () => {
    const body = `--b\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+ADw-\r\n${formPart(
      ['Content-Disposition: form-data; name=b', 'Content-Type: text/plain; charset=utf-8'],
      'x',
    )}`;
    const found = parse(MULTIPART, body);
    expect(
      found.partHeaders.map(({ value }) => value).filter((value) => value.startsWith('Content-Type')),
    ).toHaveLength(2);
    expect(found.flags).toContain('CHARSET');
  });

  test('CVE-2026-52747: line breaks in a part stay as they are', () => {
    for (const content of ['a\r\n\r\nb', '\r\na', 'a\r', 'a\r\r\nb', '\n', '\r\n']) {
      const found = parse(MULTIPART, formPart(['Content-Disposition: form-data; name=a'], content));
      expect(found.args.map(({ value }) => value)).toEqual([content]);
    }
  });

  test('CVE-2026-107825: a query that is not well formed keeps its arguments', () => {
    const found = parse('application/x-www-form-urlencoded', 'a=%zz&b=evil&%&%00=c');
    expect(found.args.map(({ name, value }) => `${name}=${value}`)).toEqual(['a=%zz', 'b=evil', '%=', '\0=c']);
  });

  test('CVE-2026-107835: a cookie in quotes is given as each server reads it', () => {
    const found = parseCookies(['a="x; b=evil"; c=1']).map(({ name, value }) => `${name}=${value}`);
    expect(found).toEqual(['a="x', 'b=evil"', 'c=1', 'a=x; b=evil']);
  });

  test('CVE-2026-114099: a key with dots hides no other', () => {
    const found = parse('application/json', '{"a.b":"evil","a":{"b":"x"}}');
    expect(found.args.map(({ name, value }) => `${name}=${value}`)).toEqual(['json.a.b=evil', 'json.a.b=x']);
  });

  test('CVE-2026-114101: filename* and its charset hide no file name', () => {
    const headers = [`Content-Disposition: form-data; name=f; filename="a.txt"; filename*=utf-7''evil.php`];
    const found = parse(MULTIPART, formPart(headers, 'x'));
    expect(found.files.map(({ value }) => value)).toEqual(['a.txt', 'evil.php', "utf-7''evil.php"]);
    expect([...found.flags]).toEqual(expect.arrayContaining(['EXTENDED_PARAMETER', 'CHARSET']));
  });

  test('GHSA-3wr7-993q-jrff: pieces of a file name are values, alone and together', () => {
    const headers = ['Content-Disposition: form-data; name=f; filename*0="ev"; filename*1="il.php"'];
    const found = parse(MULTIPART, formPart(headers, 'x'));
    expect(found.files.map(({ value }) => value)).toEqual(['ev', 'il.php', 'evil.php']);
    // A server that knows no pieces sees a field, so its content is an argument as well.
    expect(found.args.map(({ value }) => value)).toEqual(['x']);
  });

  test('GHSA-5gj4-9gm7-2fx2: keys that differ in case do not overwrite each other', () => {
    const found = parse('application/json', '{"a":"evil","A":"x"}');
    expect(found.args.map(({ value }) => value)).toEqual(['evil', 'x']);
  });

  test('GHSA-w253-m66g-rx24: several Content-Type fields are refused', () => {
    expect(parseContentType(['application/json', 'application/x-www-form-urlencoded']).error).toBeDefined();
  });

  test('GHSA-6jp8-c2w2-x7wr: attributes of XML are values', () => {
    expect(parse('text/xml', '<a b="evil"/>').xmlAttributes.map(({ value }) => value)).toEqual(['evil']);
  });

  test('CVE-2022-39956: a charset or transfer encoding in a part is flagged', () => {
    const headers = ['Content-Disposition: form-data; name=a', 'Content-Transfer-Encoding: quoted-printable'];
    expect(parse(MULTIPART, formPart(headers, 'x')).flags).toContain('TRANSFER_ENCODING');
  });

  test.each([
    ['a boundary in pieces', 'multipart/form-data; boundary*0=re;boundary*1=al', '--real\r\n\r\nevil\r\n--real--'],
    ['a boundary twice', 'multipart/form-data; boundary=fake; boundary=real', '--real\r\n\r\nevil\r\n--real--'],
    ['no boundary', 'multipart/form-data', '--real\r\n\r\nevil\r\n--real--'],
  ])('%s leaves the body as a raw value', (_, type, body) => {
    const found = parse(type, body);
    expect([found.rest?.value, found.isStrictError]).toEqual([body, true]);
  });
});
