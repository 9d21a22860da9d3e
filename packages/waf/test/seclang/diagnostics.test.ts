import { describe, expect, test } from 'vitest';
import { parseRules } from '../../src/seclang/parse.ts';

function diagnose(text: string): string[] {
  const { diagnostics } = parseRules([{ name: 'a.conf', text }], { readFile: () => undefined });
  return diagnostics.map(({ severity, file, line, message }) => `${severity} ${file}:${line}: ${message}`);
}

describe('a rule file that cannot be used', () => {
  test.each([
    ['an unknown directive', 'SecFoo On', 'error a.conf:1: unknown or unsupported directive SecFoo'],
    ['an unknown variable', 'SecRule FOO "@rx a" "id:1"', 'error a.conf:1: unknown variable FOO'],
    ['a scalar with a key', 'SecRule REQUEST_METHOD:a "@rx a" "id:1"', 'error a.conf:1: REQUEST_METHOD has no keys'],
    ['an unknown operator', 'SecRule ARGS "@foo a" "id:1"', 'error a.conf:1: unknown or unsupported operator @foo'],
    ['an unknown action', 'SecAction "id:1,exec:/bin/a"', 'error a.conf:1: unknown or unsupported action exec'],
    ['an unknown transformation', 'SecRule ARGS "a" "id:1,t:foo"', 'error a.conf:1: unknown transformation foo'],
    ['an unknown control', 'SecAction "id:1,ctl:foo=1"', 'error a.conf:1: unknown or unsupported ctl:foo'],
    ['a rule without id', 'SecRule ARGS "a" "phase:1"', 'error a.conf:1: a rule has no id'],
    ['two rules with one id', 'SecAction "id:1"\nSecAction "id:1"', 'error a.conf:2: there are two rules with id 1'],
    ['a phase that is none', 'SecAction "id:1,phase:6"', 'error a.conf:1: phase 6 is none of 1 to 5'],
    ['a chain that ends too soon', 'SecRule ARGS "a" "id:1,chain"', 'error a.conf:1: a chain has no further rule'],
    [
      'a link that denies',
      'SecRule ARGS "a" "id:1,chain"\nSecRule ARGS "b" "deny"',
      'error a.conf:2: what a chain does about the exchange belongs to its first rule',
    ],
    ['a missing file', 'Include b.conf', 'error a.conf:1: Include: there is no file b.conf'],
    ['missing phrases', 'SecRule ARGS "@pmFromFile b" "id:1"', 'error a.conf:1: there is no file b'],
    ['an open quotation mark', 'SecRule ARGS "a', 'error a.conf:1: a quotation mark is not closed'],
    ['an XPath of its own', 'SecRule XML:/a/b "a" "id:1"', 'error a.conf:1: XML is read by /* and //@*, not by /a/b'],
    [
      'a network that is none',
      'SecRule ARGS "@ipMatch 1.2.3" "id:1"',
      'error a.conf:1: 1.2.3 is no address and no network',
    ],
    ['a macro in a pattern', 'SecRule ARGS "@rx %{TX.a}" "id:1"', 'error a.conf:1: @rx cannot expand macros'],
    ['a bad value', 'SecRuleEngine Maybe', 'error a.conf:1: SecRuleEngine: Maybe is none of on, off, detectiononly'],
    ['a default that blocks', 'SecDefaultAction "phase:1,block"', /says what block means and cannot say block$/],
    ['a pattern that needs to look back', 'SecRule ARGS "@rx (a)\\\\1" "id:1"', /^error a\.conf:1: BACK_REFERENCE/],
  ])('is refused for %s, with file and line', (_, text, expected) => {
    expect(diagnose(text)).toEqual([
      expect.stringMatching(typeof expected === 'string' ? literally(expected) : expected),
    ]);
  });

  test('names the line on which a continued directive began, and every problem at once', () => {
    expect(diagnose('# a \\\n b\n\nSecRule ARGS "a" \\\n  "id:1,\\\n  foo,bar"\nSecBar')).toEqual([
      'error a.conf:4: unknown or unsupported action foo',
      'error a.conf:4: unknown or unsupported action bar',
      'error a.conf:7: unknown or unsupported directive SecBar',
    ]);
  });

  test('warns about directives that change nothing here, with the reason', () => {
    expect(diagnose('SecPcreMatchLimit 1000')).toEqual([
      'warning a.conf:1: SecPcreMatchLimit has no effect: patterns run in linear time, within the step budget',
    ]);
  });

  test('ends when a file includes itself', () => {
    const source = { name: 'a.conf', text: 'Include a.conf' };
    const { diagnostics } = parseRules([source], { readFile: () => source });
    expect(diagnostics.map(({ message }) => message)).toEqual(['files include one another more than 16 deep']);
  });
});

function literally(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`);
}
