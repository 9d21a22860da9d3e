import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, type BodyCollections, parseBody, parseContentType } from '../../src/body/index.ts';

const JSON_TYPE = parseContentType(['application/json']);

function argsOf(body: string): string[] {
  return parseBody(JSON_TYPE, body).args.map(({ name, value }) => `${name}=${value}`);
}

describe('a JSON body', () => {
  test.each<[string, string, readonly string[]]>([
    ['an object', '{"a":"b","c":1.5e3}', ['json.a=b', 'json.c=1.5e3']],
    ['an array, with its length', '{"a":[0,{"b":true}]}', ['json.a.0=0', 'json.a.1.b=true', 'json.a=2']],
    ['a scalar', ' "x" ', ['json=x']],
    ['an array at the top', '[null]', ['json.0=null', 'json=1']],
    ['empty containers', '{"a":{},"b":[]}', ['json.a=', 'json.b=0']],
    ['nothing', ' \n', []],
    ['escapes', '"\\u003cscript\\u003e\\n\\/"', ['json=<script>\n/']],
    ['characters as bytes of UTF-8', '"\\u00e9\\ud83d\\ude00\\ud800"', ['json=\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80']],
  ])('gives %s', (_, body, args) => {
    const { error } = parseBody(JSON_TYPE, body);
    expect([argsOf(body), error]).toEqual([args, undefined]);
  });

  test.each([
    ['a missing value', '{"a":1,"b":}', ',"b":}'],
    ['a missing colon', '{"a":1,"b"2}', ',"b"2}'],
    ['a key without quotes', '{"a":1,b:2}', ',b:2}'],
    ['a comma too many', '[1,]', ',]'],
    ['a string without end', '["a","b', ',"b'],
    ['a control character', '["a","b\n"]', ',"b\n"]'],
    ['an unknown escape', '["a","\\x"]', ',"\\x"]'],
    ['a number with a zero in front', '[1,02]', ',02]'],
    ['a comment', '[1]//evil', '//evil'],
    ['the wrong end', '[1}', '}'],
    ['a mark of the byte order', '\xef\xbb\xbf{"a":1}', '\xef\xbb\xbf{"a":1}'],
    ['UTF-16', '{\0"\0a\0"\0', '{\0"\0a\0"\0'],
  ])('refuses %s and keeps the rest as a value', (_, body, rest) => {
    const found = parseBody(JSON_TYPE, body);
    expect(found.error?.message).toMatch(/^The JSON body /);
    expect(found.rest?.value).toBe(rest);
    expect(found.args.at(-1)).toBe(found.rest);
  });

  test.each([
    ['too deep', '[[["evil"]]]', { depthMax: 2 }],
    ['with too many values', '["a","b","evil"]', { valuesMax: 2 }],
    ['with a name that is too long', '{"abcdef":{"ghi":"evil"}}', { nameBytesMax: 12 }],
  ])('refuses a body %s and keeps the rest', (_, body, limits) => {
    const found = parseBody(JSON_TYPE, body, { ...BODY_LIMITS, ...limits });
    expect(found.error).toBeDefined();
    expect(found.args.at(-1)?.value).toContain('evil');
  });

  test('flags keys that are equal or differ in case only', () => {
    const flagsOf = (body: string): BodyCollections['flags'] => parseBody(JSON_TYPE, body).flags;
    expect(flagsOf('{"a":1,"a":2}')).toContain('DUPLICATE_KEY');
    expect(flagsOf('{"a":1,"A":2}')).toContain('DUPLICATE_KEY');
    expect(flagsOf('{"a":{"b":1},"b":2}')).not.toContain('DUPLICATE_KEY');
  });
});
