import { describe, expect, test } from 'vitest';
import { engineOf, play } from '../engine/rig.ts';

function matches(operator: string, value: string, files = {}): boolean {
  const waf = engineOf(`SecRule REQUEST_HEADERS:X "${operator}" "id:1,phase:1,pass,t:none"`, { files });
  return play(waf, { headers: [['X', value]] }).matchedRules.length === 1;
}

describe('an operator', () => {
  test.each([
    ['@rx ^a.b$', 'a\nb', true],
    ['@rx ^a$', 'a\n', false],
    ['!@rx a', 'b', true],
    ['@pm Foo bar', 'xxfOOxx', true],
    ['@pm |66 6f|o', 'foo', true],
    ['@pm foo bar', 'fo', false],
    ['@eq 0', 'garbage', true],
    ['@gt 5', '6 apples', true],
    ['@within %{REQUEST_METHOD} POST', 'GET', true],
    ['@streq %{REQUEST_METHOD}', 'get', false],
    ['@containsWord def', 'abc.def', true],
    ['@containsWord def', 'abcdef', false],
    ['@ipMatch 192.0.2.0/24,2001:db8::/32', '2001:db8::1', true],
    ['@ipMatch 192.0.2.9/24', '192.0.2.255', true],
    ['@ipMatch 192.0.2.0/24', 'nonsense', false],
    ['@validateByteRange 32-126', 'abc', false],
    ['@validateByteRange 32-126', 'a\x7f', true],
    ['@validateUtf8Encoding', '\xc0\xaf', true],
    ['@validateUrlEncoding', '%zz', true],
    ['@verifyCC \\\\d{13,16}', 'card 4111111111111111', true],
    ['@verifyCC \\\\d{13,16}', 'card 4111111111111112', false],
    ['@noMatch', 'a', false],
    ['@unconditionalMatch', '', true],
  ])('%s on %j', (operator, value, expected) => {
    expect(matches(operator, value)).toBe(expected);
  });

  test.each(['^.*$', '^.*', '.*', '^.*$|x'])('captures a whole value with @rx %s', (pattern) => {
    const waf = engineOf(`SecRule ARGS "@rx ${pattern}" "id:1,phase:1,pass,capture,msg:'%{TX.0}'"`);
    const messages = ['?a=%0a', '?a=x%0ay%ff%0a', '?a='].map((target) =>
      play(waf, { target: `/${target}` }).matchedRules.map(({ message }) => message),
    );
    expect(messages).toEqual([['\n'], ['x\ny\xff\n'], ['']]);
  });

  test('reads phrases and networks from files, and passes over comments', () => {
    const files = { words: '# a\n\nfoo bar\n', networks: '# a\n192.0.2.0/24\n' };
    expect(matches('@pmFromFile words', 'a FOO BAR', files)).toBe(true);
    expect(matches('@pmFromFile words', 'a foo', files)).toBe(false);
    expect(matches('@ipMatchFromFile networks', '192.0.2.4', files)).toBe(true);
  });

  test('asks the detectors, and captures what they found', () => {
    const waf = engineOf(`
      SecRule ARGS "@detectSQLi" "id:1,phase:1,pass,capture,msg:'%{TX.0}'"
      SecRule ARGS "@detectXSS" "id:2,phase:1,pass"`);
    const transaction = play(waf, { target: "/?a=1'+OR+'1'='1&b=<script>alert(1)</script>" });
    expect(transaction.matchedRules.map(({ id, values }) => [id, values[0]?.name])).toEqual([
      [1, 'ARGS:a'],
      [2, 'ARGS:b'],
    ]);
    expect(transaction.matchedRules[0]?.message).not.toBe('');
  });
});
