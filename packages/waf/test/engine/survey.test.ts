import { describe, expect, test } from 'vitest';
import { engineOf, type Play, play } from './rig.ts';

const HEADERS = [['Host', 'attack'], ['User-Agent', 'a'], ['Cookie', 'c=attack']] as const; // biome-ignore format: a request
const FORM = [['Content-Type', 'application/x-www-form-urlencoded']] as const;

/** What is decided when values are looked at once for all rules, and when every rule is run in its turn. */
function both(rules: string, exchange: Play): readonly unknown[] {
  return (['compiled', 'ruleByRule'] as const).map((evaluator) => {
    const engine = engineOf(`SecRuleEngine On\nSecRequestBodyAccess On\n${rules}`, { evaluator });
    // The second time it is remembered what names and public fields hold.
    return [1, 2].map(() => {
      const { matchedRules, interruption } = play(engine, exchange);
      return { matchedRules, interruption };
    });
  });
}

const matchedIn = (outcome: unknown): number => JSON.stringify(outcome).split('"id":').length - 1;

describe('what phase 1 finds for phase 2 is decided as rule by rule', () => {
  const second = `SecRule REQUEST_HEADERS|ARGS|REQUEST_COOKIES "@rx attack" "id:20,phase:2,pass,t:lowercase"`;
  test.each<[string, number, string, Play]>([
    ['a field that only the second one looks at', 1, second, { headers: HEADERS }],
    ['a field and an argument of the body', 1, second, { method: 'POST', headers: [...HEADERS, ...FORM], body: 'a=ATTACK' }],
    ['a field that both look at', 2, `SecRule REQUEST_HEADERS:Host "@rx attack" "id:10,phase:1,pass"\n${second}`, { headers: HEADERS }],
    ['a rule that phase 1 takes out', 1, `SecAction "id:10,phase:1,pass,ctl:ruleRemoveById=20"\n${second}`, { headers: HEADERS }],
    ['a field that phase 1 takes out', 2, `SecAction "id:10,phase:1,pass,ctl:ruleRemoveTargetById=20;REQUEST_HEADERS:Host"\n${second}`, { headers: HEADERS }],
    ['a request that phase 1 refuses', 1, `SecRule REQUEST_HEADERS:Host "@rx attack" "id:10,phase:1,deny"\n${second}`, { headers: HEADERS }],
    ['a request that phase 1 lets through', 1, `SecRule REQUEST_HEADERS:Host "@rx attack" "id:10,phase:1,allow:request"\n${second}`, { headers: HEADERS }],
    ['a phase that is let through, before one whose rules stand at the same places', 1, `SecRule REQUEST_HEADERS:Host "@rx attack" "id:10,phase:1,allow:request"\n${second}\nSecRule RESPONSE_HEADERS "@rx attack" "id:30,phase:3,pass"`, { headers: HEADERS }],
    ['a phase that begins without what was folded', 2, `SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=1"\nSecRule TX:a "@eq 1" "id:2,phase:2,pass,nolog"\nSecRule REQUEST_HEADERS:Host "@rx attack" "id:10,phase:1,pass,ctl:ruleRemoveById=2"\n${second}`, { headers: HEADERS }],
    ['no match under a negated operator', 1, `SecRule REQUEST_METHOD "!@rx ^POST$" "id:20,phase:2,pass"`, {}],
  ])('%s', (_, matches, rules, exchange) => {
    const [compiled, ruleByRule] = both(rules, exchange);
    expect(compiled).toEqual(ruleByRule);
    expect(matchedIn(compiled)).toBeGreaterThanOrEqual(matches * 2);
  }); // biome-ignore format: one row each

  test('for one request after another', () => {
    const engine = engineOf(`SecRuleEngine On\n${second}`);
    const ids = (exchange: Play): readonly number[] => play(engine, exchange).matchedRules.map(({ id }) => id);
    expect(ids({ headers: HEADERS })).toEqual([20]);
    expect(ids({})).toEqual([]);
    expect(ids({ target: '/?a=attack' })).toEqual([20]);
  });
});

describe('variables are selected by names as rule by rule', () => {
  test.each([
    ['that begin with a word', '^seen_a'],
    ['that hold a word', 'EN_A'],
    ['that hold a word of which the end may be repeated', 'seen_ab*'],
    ['that begin with a word of which the end may be repeated', '^seen_b*'],
    ['that a pattern finds which is no word', 'seen_[bc]'],
  ])('%s', (_, pattern) => {
    const rules = `SecAction "id:1,phase:1,pass,nolog,setvar:tx.seen_a=1,setvar:tx.Seen_B=1"
      SecRule ARGS "@rx ." "id:2,phase:1,pass,nolog,setvar:tx.seen_%{MATCHED_VAR}=1"
      SecRule TX:/${pattern}/ "@rx ^" "id:3,phase:1,pass,msg:'%{MATCHED_VAR_NAME}'"`;
    const [compiled, ruleByRule] = both(rules, { target: '/?x=abb&y=C&z=other' });
    expect(compiled).toEqual(ruleByRule);
    expect(JSON.stringify(compiled)).toContain('"name":"TX:');
  });
});
