import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseTarget, type Target } from '../../src/request/target.ts';

function normalised(raw: string): string {
  const target = normaliseTarget(raw);
  return 'code' in target ? target.code : target.path + target.query;
}

describe('a target has one spelling', () => {
  test.each([
    ['/', '/'],
    ['/a/b?c=d', '/a/b?c=d'],
    ['/%41%7e%2D%5f', '/A~-_'],
    ['/%e4%C3', '/%E4%C3'],
    ['/%3a%40', '/%3A%40'],
    ['/%25', '/%25'],
    ['/%252e%252e/', '/%252e%252e/'],
    ['//', '/'],
    ['/a//', '/a/'],
    ['/./.', '/'],
    ['/a/..', '/'],
    ['/a/b/../../c', '/c'],
    ['/a/..b/.c', '/a/..b/.c'],
    ['/a|b"c', '/a%7Cb%22c'],
    ['/a?//../%zz', '/a?//../%zz'],
    ['/a??b', '/a??b'],
    ['/a?<">', '/a?<">'],
  ])('%s is %s', (raw, expected) => {
    expect(normalised(raw)).toBe(expected);
  });

  test.each([
    ['', 'TARGET_INVALID'],
    ['a', 'TARGET_INVALID'],
    ['?a', 'TARGET_INVALID'],
    ['/a#b', 'TARGET_INVALID'],
    ['/a?b#c', 'TARGET_INVALID'],
    ['/a\\b', 'TARGET_INVALID'],
    ['/a b', 'TARGET_INVALID'],
    ['/a?b c', 'TARGET_INVALID'],
    ['/a\x7fb', 'TARGET_INVALID'],
    ['/a\xe4b', 'TARGET_INVALID'],
    ['/a?\xe4', 'TARGET_INVALID'],
    ['/a\u{10ffff}', 'TARGET_INVALID'],
    ['/%', 'TARGET_INVALID'],
    ['/%4', 'TARGET_INVALID'],
    ['/%4g', 'TARGET_INVALID'],
    ['/%00', 'TARGET_INVALID'],
    ['/%1f', 'TARGET_INVALID'],
    ['/%7f', 'TARGET_INVALID'],
    ['/..', 'PATH_TRAVERSAL'],
    ['/a/../..', 'PATH_TRAVERSAL'],
    ['/%2e%2e', 'PATH_TRAVERSAL'],
    ['/.%2E/a', 'PATH_TRAVERSAL'],
    ['/a/..;/b', 'PATH_TRAVERSAL'],
    ['/a/.;/b', 'PATH_TRAVERSAL'],
    ['/a/%2e%2e;x/b', 'PATH_TRAVERSAL'],
  ])('%j is refused: %s', (raw, code) => {
    expect(normalised(raw)).toBe(code);
  });

  test.each([
    ['/a%2fb', true],
    ['/a%2Fb', true],
    ['/a%5cb', true],
    ['/a/b', false],
    ['/a%252fb', false],
    ['/a?%2f', false],
  ])('%s has an encoded slash: %s', (raw, hasEncodedSlash) => {
    expect(normaliseTarget(raw)).toMatchObject({ hasEncodedSlash });
  });
});

/** Texts made of what paths are attacked with. */
const ATTACKS = "/ // . .. %2e %2E %2f %5c %41 %25 %zz % a Z ~ ; ? # | %00 %c0%af : @ ' [ ..; %3b";
const piece = fc.constantFrom(...ATTACKS.split(' '), '\\', ' ', '\xe4', '\0');
const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);
const passed = path.map(normaliseTarget).filter((target): target is Target => !('code' in target));

describe('whatever passes (R3.5)', () => {
  test('is its own normal form', () => {
    fc.assert(
      fc.property(passed, (target) => {
        expect(normaliseTarget(target.path + target.query)).toEqual(target);
      }),
    );
  });

  test('holds no dot segment, no empty segment, no unreserved character in disguise and nothing that is not of a URL', () => {
    fc.assert(
      fc.property(passed, (target) => {
        expect(target.path).toMatch(
          /^(?:\/(?!\.{0,2}(?:\/|$)|\.{1,2};)(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+)*\/?$/,
        );
        expect(target.path).not.toMatch(/%(?:[46][1-9A-F]|[57][0-9A]|3[0-9]|2[DE]|5F|7E|[01][0-9A-F]|7F)/);
        expect(target.query).toMatch(/^(?:\?[\x21\x22\x24-\x7e]*)?$/);
      }),
    );
  });

  test('means to a URL parser what it means to us', () => {
    fc.assert(
      fc.property(passed, (target) => {
        expect(new URL(`http://a.example${target.path}`).pathname).toBe(target.path);
      }),
    );
  });
});
