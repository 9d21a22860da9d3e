import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, type BodyCollections, parseBody, parseContentType } from '../../src/body/index.ts';

function parse(body: string, type = 'multipart/form-data; boundary=b'): BodyCollections {
  return parseBody(parseContentType([type]), body);
}

/** A body of one part, whose disposition and content are given. */
function part(disposition: string, content = 'x', headers: readonly string[] = []): string {
  return ['--b', `Content-Disposition: ${disposition}`, ...headers, '', content, '--b--', ''].join('\r\n');
}

const pairs = (values: readonly { readonly name: string; readonly value: string }[]): string[] =>
  values.map(({ name, value }) => `${name}=${value}`);

describe('a multipart body', () => {
  test('gives fields, files and headers', () => {
    const body = [
      '--b',
      'Content-Disposition: form-data; name="a"',
      '',
      '1',
      '--b',
      'Content-Disposition: form-data; name="f"; filename="x.php"',
      'Content-Type: text/plain',
      '',
      'DATA',
      '--b--',
      '',
    ].join('\r\n');
    const found = parse(body);
    expect(pairs(found.args)).toEqual(['a=1']);
    expect(pairs(found.files)).toEqual(['f=x.php']);
    expect(pairs(found.filesNames)).toEqual(['f=f']);
    expect(pairs(found.filesSizes)).toEqual(['f=4']);
    expect(pairs(found.filesContent)).toEqual(['f=DATA']);
    expect(found.filesCombinedSize).toBe(4);
    expect(pairs(found.partHeaders)).toEqual([
      'a=Content-Disposition: form-data; name="a"',
      'f=Content-Disposition: form-data; name="f"; filename="x.php"',
      'f=Content-Type: text/plain',
    ]);
    expect([found.error, found.isStrictError, [...found.flags]]).toEqual([undefined, false, []]);
    for (const { value, start, end } of found.args) expect(body.slice(start, end)).toBe(value);
  });

  test.each<[string, string, string, string?]>([
    ['a quoted boundary', part('form-data; name="a"'), 'BOUNDARY_QUOTED', 'multipart/form-data; boundary="b"'],
    ['text before the first boundary', `evil\r\n${part('form-data; name="a"')}`, 'DATA_BEFORE'],
    ['text behind the last boundary', `${part('form-data; name="a"')}evil`, 'DATA_AFTER'],
    ['a folded header', part('form-data;\r\n name="a"'), 'HEADER_FOLDING'],
    ['a folded header that begins a part', `--b\r\n x: y\r\n\r\nz\r\n--b--\r\n`, 'INVALID_HEADER_FOLDING'],
    ['lines that end with LF', part('form-data; name="a"').replaceAll('\r\n', '\n'), 'LF_LINE'],
    ['both line ends', part('form-data; name="a"').replace('\r\n', '\n'), 'CRLF_LF_LINES'],
    ['a parameter without semicolon', part('form-data name="a"'), 'MISSING_SEMICOLON'],
    ['text behind a quote', part('form-data; name="a"b'), 'INVALID_QUOTING'],
    ['single quotes', part("form-data; name='a'"), 'INVALID_QUOTING'],
    ['a part without a name', part('form-data'), 'INVALID_PART'],
    ['a header without a colon', part('form-data; name=a', 'x', ['evil']), 'INVALID_PART'],
    ['a part without an empty line', '--b\r\nevil\r\n--b--\r\n', 'INVALID_PART'],
    ['a longer boundary', part('form-data; name="a"', '--bx'), 'UNMATCHED_BOUNDARY'],
    ['a boundary in another case', part('form-data; name="a"', '--B'), 'UNMATCHED_BOUNDARY'],
    ['white space behind a boundary', part('form-data; name="a"').replace('--b\r', '--b \r'), 'BOUNDARY_WHITESPACE'],
    ['a NUL in a header', part('form-data; name="a\0b"'), 'NUL'],
    [
      'two dispositions',
      part('form-data; name="a"', 'x', ['content-disposition: form-data; name="b"']),
      'DUPLICATE_HEADER',
    ],
    ['two names', part('form-data; name="a"; name="b"'), 'DUPLICATE_PARAMETER'],
    ['an extended file name', part("form-data; name=a; filename*=utf-8''x"), 'EXTENDED_PARAMETER'],
    [
      'a transfer encoding',
      part('form-data; name="a"', 'x', ['Content-Transfer-Encoding: base64']),
      'TRANSFER_ENCODING',
    ],
    ['UTF-7', part('form-data; name="a"', 'x', ['Content-Type: text/plain; charset=utf-7']), 'CHARSET'],
    ['no last boundary', part('form-data; name="a"').replace('--b--', ''), 'UNTERMINATED'],
  ])('flags %s', (_, body, flag, type) => {
    const found = parse(body, type);
    expect([...found.flags]).toContain(flag);
  });

  test.each([
    ['before the first boundary', `evil\r\n${part('form-data; name="a"')}`],
    ['behind the last boundary', `${part('form-data; name="a"')}evil`],
    ['in a part without an empty line', '--b\r\nevil\r\n--b--\r\n'],
    ['in a part without a name', part('form-data', 'evil')],
    ['in a part that does not end', '--b\r\nContent-Disposition: form-data; name=a\r\n\r\nevil'],
    ['in a body without its boundary', 'evil'],
  ])('shows what stands %s to rules on arguments', (_, body) => {
    const found = parse(body);
    expect(found.args.some(({ value }) => value.includes('evil'))).toBe(true);
    expect(found.isStrictError).toBe(true);
  });

  test('gives the content under every name of a part', () => {
    expect(pairs(parse(part('form-data; name="a"; name="b"')).args)).toEqual(['a=x', 'b=x']);
  });

  test.each([
    ['an empty file name', 'form-data; name="f"; filename=""'],
    ['a file name in an extended parameter only', "form-data; name=f; filename*=utf-8''x"],
  ])('inspects a part with %s as a file and as a field', (_, disposition) => {
    const found = parse(part(disposition, 'evil'));
    expect([pairs(found.args), pairs(found.filesContent)]).toEqual([['f=evil'], ['f=evil']]);
  });

  test('takes a file name as it is written and without its backslashes', () => {
    expect(pairs(parse(part('form-data; name="f"; filename="a\\\\b.php"')).files)).toEqual([
      'f=a\\b.php',
      'f=a\\\\b.php',
    ]);
  });

  test.each([
    ['parts', { partsMax: 1 }, 'has too many parts'],
    ['values', { valuesMax: 1 }, 'has too many values'],
    ['header bytes', { partHeaderBytesMax: 8 }, 'has part headers that are too long'],
  ])('ends at its limit of %s and keeps the rest', (_, limits, message) => {
    const body = `--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n${part('form-data; name=b', 'evil')}`;
    const found = parseBody(parseContentType(['multipart/form-data; boundary=b']), body, { ...BODY_LIMITS, ...limits });
    expect(found.error?.message).toBe(`The MULTIPART body ${message}`);
    expect(found.args.at(-1)).toBe(found.rest);
    expect(found.rest?.value).toContain('evil');
  });
});
