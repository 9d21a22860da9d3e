import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { transformationOf } from '../../src/transformations/registry.ts';

const NAMES = `base64Decode base64DecodeExt base64Encode cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode
  hexEncode htmlEntityDecode jsDecode length lowercase md5 normalizePath normalizePathWin parityEven7bit parityOdd7bit
  parityZero7bit removeComments removeCommentsChar removeNulls removeWhitespace replaceComments replaceNulls sha1
  sqlHexDecode trim trimLeft trimRight uppercase urlDecode urlDecodeUni urlEncode utf8toUnicode`.split(/\s+/);

function transform(name: string, text: string): string {
  const transformation = transformationOf(name);
  if (transformation === undefined) throw new Error(`there is no ${name}`);
  return transformation(text);
}

const byteStrings = fc.uint8Array({ maxLength: 64 }).map((bytes) => String.fromCharCode(...bytes));

describe('every transformation', () => {
  test.each(NAMES)('%s gives bytes for any bytes, and not many more', (name) => {
    fc.assert(
      fc.property(byteStrings, (text) => {
        const result = transform(name, text);
        expect(/^[\0-\xff]*$/.test(result)).toBe(true);
        expect(result.length).toBeLessThanOrEqual(text.length * 6 + 32);
      }),
    );
  });

  test.each(
    NAMES.filter((name) => !/^(?:base64|hex|length|md5|sha1|parityOdd)/.test(name)).filter(
      (name) => name !== 'parityEven7bit',
    ),
  )('%s gives a plain word back unchanged', (name) => {
    expect(transform(name, name === 'uppercase' ? 'PLAIN' : 'plain')).toBe(name === 'uppercase' ? 'PLAIN' : 'plain');
  });
});

describe('a transformation', () => {
  test.each([
    ['lowercase', '\xc0ABC', '\xc0abc'],
    ['uppercase', '\xe0abc', '\xe0ABC'],
    ['urlDecode', '%41%u0042+', 'A%u0042 '],
    ['urlDecodeUni', '%uFF1cscript%u003e', '<script>'],
    ['urlDecodeUni', '%u00bc', '\xbc'],
    ['htmlEntityDecode', '&#0000000000000060;&#x3cscript&colon;&#99999999;', '<\x3cscript:\xef\xbf\xbd'],
    ['htmlEntityDecode', '&ltx&nothing;&', '<x&nothing;&'],
    ['htmlEntityDecode', '&newlinex&apostrophe&commab;&ampere&GT', '\nx&apostrophe&commab;&ere>'],
    ['jsDecode', String.raw`\x3c\u003c\uff1c\74\k`, '<<<<k'],
    ['cssDecode', String.raw`ja\vascript\3c\00003e x`, 'javascript<>x'],
    ['escapeSeqDecode', String.raw`\x41\101\n\q`, 'AA\nq'],
    ['hexDecode', '4', ''],
    ['base64Decode', 'YWJj!ZGVm', 'abc'],
    ['base64DecodeExt', 'YWJj!ZGVm', 'abcdef'],
    ['replaceComments', 'a/*b*/c/*d', 'a c '],
    ['removeCommentsChar', 'a/*b*/c--d#e', 'abcde'],
    ['cmdLine', 'C^MD  "/c"', 'cmd/c'],
    ['normalizePath', '/a/./b//../c/', '/a/c/'],
    ['normalizePath', '/../../etc/passwd', '/etc/passwd'],
    ['cmdLine', ',(\u0027; /x ', '(/x '],
    ['normalizePath', '../a/../../..', '../../..'],
    ['normalizePath', '/a/../../b/...', '/b/...'],
    ['normalizePathWin', '\\a\\', '/a/'],
    ['normalizePathWin', '..\\a\\..\\b', '../b'],
    ['cssDecode', String.raw`\d800 \1f600\20ac`, '\xef\xbf\xbd\xf0\x9f\x98\x80\xe2\x82\xac'],
    ['urlEncode', 'a*\xe9 \0', 'a*%e9+%00'],
    ['sqlHexDecode', '0x414z0X42', 'A4zB'],
    ['removeComments', 'a-/*b*/c<!--d-->e--f', 'a-ce'],
    ['utf8toUnicode', '\xc3\xa9\xff\xf0\x9f\x98\x80', '%u00e9\xff%u1f600'],
    ['utf8toUnicode', '\xc0\xaf', '\xc0\xaf'],
    ['compressWhitespace', 'a \t\n b', 'a b'],
    ['sqlHexDecode', '0x414243 0xg', 'ABC 0xg'],
    ['removeNulls', 'a\0b', 'ab'],
    ['trim', ' a b\n', 'a b'],
  ])('%s of %j', (name, text, expected) => {
    expect(transform(name, text)).toBe(expected);
  });
});

test('base64Decode reads texts of every length alike', () => {
  const text = 'QUJD+/9zYWxseXBvcnQ'.repeat(9);
  for (let length = 0; length <= text.length; length += 1) {
    const part = text.slice(0, length);
    expect(transform('base64Decode', part)).toBe(Buffer.from(part, 'base64').toString('latin1'));
    expect(transform('base64Decode', `${part}=${text}`)).toBe(Buffer.from(part, 'base64').toString('latin1'));
  }
});
