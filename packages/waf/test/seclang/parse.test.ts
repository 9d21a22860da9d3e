import { describe, expect, test } from 'vitest';
import { parseRules } from '../../src/seclang/parse.ts';
import { isRule, type Rule, type RuleSet } from '../../src/seclang/rule.ts';

function read(text: string, files: Readonly<Record<string, string>> = {}): RuleSet {
  const { ruleSet, diagnostics } = parseRules([{ name: 'a.conf', text }], {
    readFile: (path) => (files[path] === undefined ? undefined : { name: path, text: files[path] }),
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return ruleSet;
}

function rulesOf(text: string): readonly Rule[] {
  return read(text).items.filter(isRule);
}

describe('a SecRule', () => {
  test('has targets, exclusions and counts, with keys in any case and patterns that hold bars', () => {
    const [rule] = rulesOf(
      String.raw`SecRule ARGS|!ARGS:Foo|&TX:a|REQUEST_COOKIES:/a|b\/c/|XML:/*|XML://@* "a" "id:1"`,
    );
    expect(rule?.targets).toEqual([
      { variable: 'ARGS', selector: { kind: 'all' }, isCount: false },
      { variable: 'TX', selector: { kind: 'key', key: 'a' }, isCount: true },
      { variable: 'REQUEST_COOKIES', selector: { kind: 'pattern', pattern: 'a|b/c' }, isCount: false },
      { variable: 'XML', selector: { kind: 'all' }, isCount: false },
      { variable: 'XML_ATTRIBUTES', selector: { kind: 'all' }, isCount: false },
    ]);
    expect(rule?.exclusions).toEqual([{ variable: 'ARGS', selector: { kind: 'key', key: 'foo' } }]);
  });

  test.each([
    ['"@rx a b"', { name: 'rx', argument: 'a b', isNegated: false }],
    ['"!@streq a"', { name: 'streq', argument: 'a', isNegated: true }],
    ['"^a$"', { name: 'rx', argument: '^a$', isNegated: false }],
    [String.raw`"@contains \"a\\b"`, { name: 'contains', argument: String.raw`"a\b`, isNegated: false }],
  ])('reads the operator %s', (operator, expected) => {
    expect(rulesOf(`SecRule ARGS ${operator} "id:1"`)[0]?.operator).toEqual(expected);
  });

  test('keeps commas and protected quotation marks of quoted values', () => {
    const [rule] = rulesOf(String.raw`SecAction "id:1,msg:'it\'s, well, a message',tag:'a',tag:b"`);
    expect(rule?.actions.msg?.constant).toBe("it's, well, a message");
    expect(rule?.actions.tags).toEqual(['a', 'b']);
  });

  test('takes from SecDefaultAction of its phase what it does not say', () => {
    const [first, second] = rulesOf(`
      SecDefaultAction "phase:1,deny,status:406,nolog,t:lowercase"
      SecRule ARGS "a" "id:1,phase:1,block,t:trim"
      SecRule ARGS "a" "id:2,phase:2,block,t:none,t:trim"`);
    expect(first).toMatchObject({ disruption: { kind: 'deny' }, status: 406, isLogged: false });
    expect(first?.transformations).toEqual(['lowercase', 'trim']);
    expect(second).toMatchObject({ disruption: { kind: 'pass' }, status: 403, isLogged: true });
    expect(second?.transformations).toEqual(['trim']);
  });
});

describe('directives that change rules', () => {
  test.each([
    ['SecRuleRemoveById 1', [2, 30]],
    ['SecRuleRemoveById 2-40', [1]],
    ['SecRuleRemoveById 1 30', [2]],
    ['SecRuleRemoveByTag ^attack', [2, 30]],
    ['SecRuleRemoveByMsg "second"', [1, 30]],
  ])('%s leaves the right ones', (directive, expected) => {
    const rules = rulesOf(`
      SecRule ARGS "a" "id:1,tag:attack-a"
      SecRule ARGS "a" "id:2,msg:'the second'"
      SecRule ARGS "a" "id:30"
      ${directive}`);
    expect(rules.map(({ id }) => id)).toEqual(expected);
  });

  test('exclude and add targets wherever they stand', () => {
    const [rule] = rulesOf(`
      SecRuleUpdateTargetById 1 "!REQUEST_COOKIES:/^_ga/|FILES"
      SecRule ARGS "a" "id:1"
      SecRuleUpdateTargetByTag nothing "!ARGS"`);
    expect(rule?.targets.map(({ variable }) => variable)).toEqual(['ARGS', 'FILES']);
    expect(rule?.exclusions).toEqual([{ variable: 'REQUEST_COOKIES', selector: { kind: 'pattern', pattern: '^_ga' } }]);
  });

  test('replace actions', () => {
    const [rule] = rulesOf(`SecRule ARGS "a" "id:1,pass,tag:a"
      SecRuleUpdateActionById 1 "deny,status:418,tag:b"`);
    expect(rule).toMatchObject({ disruption: { kind: 'deny' }, status: 418 });
    expect(rule?.actions.tags).toEqual(['a', 'b']);
  });
});

describe('a rule file', () => {
  test('includes others in its place', () => {
    const { items } = read('SecAction "id:1"\nInclude b.conf\nSecAction "id:3"', { 'b.conf': 'SecAction "id:2"' });
    expect(items.filter(isRule).map(({ id, place }) => [id, place.file])).toEqual([
      [1, 'a.conf'],
      [2, 'b.conf'],
      [3, 'a.conf'],
    ]);
  });

  test('sets what the engine does', () => {
    const { settings } = read(`
      SecRuleEngine DetectionOnly
      SecRequestBodyLimit 1000
      SecRequestBodyLimitAction ProcessPartial
      SecResponseBodyAccess On
      SecResponseBodyMimeType text/html Application/JSON
      SecComponentSignature "a/1"`);
    expect(settings).toMatchObject({
      mode: 'DetectionOnly',
      requestBodyBytesMax: 1000,
      requestBodyOverLimit: 'partial',
    });
    expect([...settings.responseMimeTypes]).toEqual(['text/html', 'application/json']);
    expect(settings.componentSignatures).toEqual(['a/1']);
  });
});
