import { describe, expect, test } from 'vitest';
import { copiedNames } from '../../src/engine/copied-names.ts';
import { makePlan } from '../../src/engine/plan.ts';
import { parseRules } from '../../src/seclang/parse.ts';
import { engineOf, play } from './rig.ts';

const SETUP = `SecAction "id:1,phase:1,nolog,pass,setvar:'tx.forbidden=/proxy/ /x-forbidden/'"`;
const RULE = `SecRule REQUEST_HEADERS_NAMES "@rx ^.*$" "id:2,phase:1,pass,capture,t:none,t:lowercase,msg:'%{MATCHED_VAR}',\\
    setvar:'tx.name_%{tx.0}=/%{tx.0}/',chain"
  SecRule TX:/^name_/ "@within %{tx.forbidden}" "setvar:tx.score=+5"`;

/** Which of the rules has the form. */
function formsIn(rules: string): readonly number[] {
  const { ruleSet, diagnostics } = parseRules([{ name: 'copies.conf', text: rules }], { readFile: () => undefined });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const plan = makePlan(ruleSet, () => undefined);
  return plan.programs[1].rules.filter((rule) => copiedNames(rule, plan) !== undefined).map(({ rule }) => rule.id);
}

test('a rule is known that copies names and compares the copies with a text', () => {
  expect(formsIn(`${SETUP}\n${RULE}`)).toEqual([2]);
});

describe('a rule is run that', () => {
  test.each([
    ['looks at values', ['REQUEST_HEADERS_NAMES', 'REQUEST_HEADERS']],
    ['looks at some names', ['REQUEST_HEADERS_NAMES', 'REQUEST_HEADERS_NAMES:host']],
    ['leaves some names out', ['REQUEST_HEADERS_NAMES', 'REQUEST_HEADERS_NAMES|!REQUEST_HEADERS_NAMES:host']],
    ['does not copy all of a name', ['^.*$', '^x.*$']],
    ['copies under a name without an own beginning', ['tx.name_%{tx.0}=', 'tx.%{tx.0}=']],
    ['copies something else besides', ['=/%{tx.0}/', '=/%{tx.1}/']],
    ['sets something else besides', ["setvar:'tx.name", "setvar:tx.other=1,setvar:'tx.name"]],
    ['counts', ["tx.0}=/%{tx.0}/'", "tx.0}=+1'"]],
    ['takes rules out', ['pass,capture', 'pass,ctl:ruleRemoveById=9,capture']],
    ['has its link look at other variables', ['TX:/^name_/', 'TX:/^nam/']],
    ['has its link compare with what it captured', ['%{tx.forbidden}', '%{tx.0}']],
    ['has its link compare with a copy', ['%{tx.forbidden}', '%{tx.name_host}']],
    ['has its link search a pattern', ['@within %{tx.forbidden}', '@rx proxy']],
    ['has another link', ['setvar:tx.score=+5"', 'setvar:tx.score=+5,chain"\nSecRule ARGS "@rx x"']],
  ] as const)('%s', (_, [from, to]) => {
    const rules = `${SETUP}\n${RULE}`;
    expect(rules).toContain(from);
    expect(formsIn(rules.replace(from, to))).toEqual([]);
  });

  test.each([
    ['sets a name that begins so', 'setvar:tx.Name_x=/proxy/'],
    ['may set a name that begins so', 'setvar:tx.na%{tx.0}=/proxy/'],
    ['may set any name', 'setvar:tx.%{tx.0}=/proxy/'],
  ])('is not the only one that does: another one %s', (_, action) => {
    expect(formsIn(`${SETUP}\n${RULE}\nSecAction "id:3,phase:2,pass,${action}"`)).toEqual([]);
  });
});

describe('the same is decided as rule by rule', () => {
  const LATER = `SecRule TX:/^name_/ "@rx ^" "id:5,phase:1,pass,msg:'%{MATCHED_VAR_NAME}'"
    SecAction "id:6,phase:1,pass,msg:'%{tx.0} %{MATCHED_VAR} %{MATCHED_VAR_NAME} %{tx.name_host}'"`;
  const seen = (rules: string, headers: readonly (readonly [string, string])[]): readonly unknown[] =>
    (['compiled', 'ruleByRule'] as const).map((evaluator) => {
      const engine = engineOf(`SecRuleEngine On\n${rules}`, { evaluator });
      return [1, 2].map(() => {
        const transaction = play(engine, { headers });
        return { matched: transaction.matchedRules, score: transaction.valueOf('TX', 'score') };
      });
    });

  test.each<[string, string, readonly (readonly [string, string])[]]>([
    ['without a field', RULE, []],
    ['with one without a name', RULE, [['', 'x']]],
    ['with fields that may be', RULE, [['Host', 'a'], ['Accept', 'b'], ['host', 'c']]],
    ['with a field that may not be', RULE, [['Host', 'a'], ['X-Forbidden', 'b'], ['Accept', 'c']]],
    ['with a name that is too long to be remembered', RULE, [['Host', 'a'], ['x'.repeat(300), 'b']]],
    ['where a rule has taken it out', `SecAction "id:4,phase:1,pass,ctl:ruleRemoveById=2"\n${RULE}`, [['Proxy', 'a']]],
    ['where a rule has taken out a name', `SecAction "id:4,phase:1,pass,ctl:ruleRemoveTargetById=2;REQUEST_HEADERS_NAMES:proxy"\n${RULE}`, [['Proxy', 'a'], ['Host', 'a']]],
    ['where a rule has taken out a copy', `SecAction "id:4,phase:1,pass,ctl:ruleRemoveTargetById=2;TX:name_proxy"\n${RULE}`, [['Proxy', 'a'], ['Host', 'a']]],
    ['where the request says what is forbidden', `SecRule REQUEST_HEADERS:X-List "@rx ." "id:4,phase:1,pass,setvar:tx.forbidden=/%{MATCHED_VAR}/"\n${RULE}`, [['X-List', 'host'], ['Host', 'a']]],
  ])('%s', (_, rules, headers) => {
    const [compiled, ruleByRule] = seen(`${SETUP}\n${rules}\n${LATER}`, headers);
    expect(compiled).toEqual(ruleByRule);
  }); // biome-ignore format: one row each

  test('for one request after another', () => {
    const engine = engineOf(
      `SecRuleEngine On\n${SETUP}\nSecRule REQUEST_HEADERS:X-List "@rx ." "id:4,phase:1,pass,setvar:tx.forbidden=/%{MATCHED_VAR}/"\n${RULE}`,
    );
    const scoreOf = (headers: readonly (readonly [string, string])[]): string | undefined =>
      play(engine, { headers }).valueOf('TX', 'score');
    expect(scoreOf([['Host', 'a']])).toBeUndefined();
    expect(scoreOf([['X-List', 'host'], ['Host', 'a']])).toBe('5'); // biome-ignore format: a request
    expect(scoreOf([['Host', 'a']])).toBeUndefined();
    expect(scoreOf([['Proxy', 'a']])).toBe('5');
  });
});
