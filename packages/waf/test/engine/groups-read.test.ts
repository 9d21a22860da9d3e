import { describe, expect, test } from 'vitest';
import { groupsRead } from '../../src/engine/groups-read.ts';
import { parseRules } from '../../src/seclang/parse.ts';
import { isRule } from '../../src/seclang/rule.ts';
import { engineOf, play } from './rig.ts';

/** The groups kept of the captures of every rule, in order, chains in one piece. */
function groupsOf(rules: string): readonly (readonly number[])[] {
  const { ruleSet, diagnostics } = parseRules([{ name: 'test.conf', text: rules }], { readFile: () => undefined });
  expect(diagnostics).toEqual([]);
  const groups = groupsRead(ruleSet.items);
  return ruleSet.items.filter(isRule).map((head) => [head, ...head.chain].map((rule) => groups.get(rule) ?? -1));
}

const CAPTURING = String.raw`SecRule ARGS "@rx (a)(b)(c)" "id:1,phase:2,pass,capture"`;

describe('the groups that a rule has to capture', () => {
  test.each([
    [
      'none where only the match is logged',
      String.raw`SecRule ARGS "@rx (a)" "id:2,phase:2,pass,capture,logdata:'%{TX.0}'"`,
      0,
    ],
    ['what a later rule looks at', 'SecRule TX:2 "@eq 1" "id:2,phase:2,pass"', 2],
    ['what a later rule counts', 'SecRule &TX:3 "@eq 1" "id:2,phase:2,pass"', 3],
    ['what a later argument says', 'SecRule ARGS "@streq %{tx.1}" "id:2,phase:2,pass"', 1],
    ['what a later action copies', `SecAction "id:2,phase:2,pass,setvar:'tx.copy=%{TX.2}'"`, 2],
    ['what a later action adds to', 'SecAction "id:2,phase:2,pass,setvar:tx.2=+1"', 2],
    ['nothing for a name that is set', 'SecAction "id:2,phase:2,pass,setvar:tx.2=1"', 0],
    ['nothing for names that are no numbers', `SecAction "id:2,phase:2,pass,setvar:'tx.count_%{TX.0}=+1'"`, 0],
    ['all for a name that may be any', `SecAction "id:2,phase:2,pass,setvar:'tx.%{ARGS.a}=+1'"`, 9],
    ['all where all of TX is looked at', 'SecRule TX "@rx x" "id:2,phase:2,pass"', 9],
    ['those that a pattern of names finds', 'SecRule TX:/^[1-4]$/ "@rx x" "id:2,phase:2,pass"', 4],
    ['none that a pattern of names does not find', 'SecRule TX:/^count_/ "@rx x" "id:2,phase:2,pass"', 0],
    ['what a message says', `SecAction "id:2,phase:2,pass,msg:'%{tx.3}'"`, 3],
    ['what a redirection says', `SecAction "id:2,phase:2,redirect:'/%{tx.3}'"`, 3],
    ['what an environment variable says', `SecAction "id:2,phase:2,pass,setenv:'a=%{tx.3}'"`, 3],
    ['what the name of a collection says', `SecAction "id:2,phase:2,pass,initcol:'ip=%{tx.3}'"`, 3],
  ])('are %s', (_, rules, expected) => {
    expect(groupsOf(`${CAPTURING}\n${rules}`)[0]).toEqual([expected]);
  });

  test('are those of its own chain where that reads behind its own capture', () => {
    const chain = String.raw`SecRule ARGS "@rx (a)(b)" "id:2,phase:2,pass,capture,chain"
      SecRule TX:2 "@streq b"`;
    expect(groupsOf(`${CAPTURING}\n${chain}`)).toEqual([[0], [2, 2]]);
  });

  test('are every rule that captures where a chain reads before it has captured, or captures nothing', () => {
    const reading = String.raw`SecRule TX:2 "@rx (a)" "id:2,phase:2,pass,capture"`;
    const negated = String.raw`SecRule ARGS "!@rx (a)" "id:2,phase:2,pass,capture,setvar:tx.copy=%{tx.2}"`;
    const phrases = String.raw`SecRule ARGS "@pm a b" "id:2,phase:2,pass,capture,setvar:tx.copy=%{tx.2}"`;
    for (const rules of [reading, negated, phrases]) expect(groupsOf(`${CAPTURING}\n${rules}`)).toEqual([[2], [2]]);
  });

  test('are there for who reads them', () => {
    const transaction = play(
      engineOf(String.raw`SecRuleEngine On
SecRule ARGS:a "@rx (a+)(b+)" "id:1,phase:2,pass,capture,setvar:tx.whole=%{tx.0}"
SecRule TX:2 "@streq bbb" "id:2,phase:2,pass,setvar:tx.seen=%{tx.2}"`),
      { target: '/?a=xaabbb' },
    );
    expect(transaction.valueOf('TX', 'whole')).toBe('aabbb');
    expect(transaction.valueOf('TX', 'seen')).toBe('bbb');
  });
});
