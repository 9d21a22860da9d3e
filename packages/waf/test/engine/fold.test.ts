import { ManualClock } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import type { FoldedStep } from '../../src/engine/fold.ts';
import { makePlan } from '../../src/engine/plan.ts';
import { foldPlan } from '../../src/engine/policy.ts';
import { createWaf, type Waf } from '../../src/index.ts';
import { parseRules } from '../../src/seclang/parse.ts';
import type { Phase } from '../../src/seclang/rule.ts';
import { type Play, play } from './rig.ts';

/** What is left of a phase: `10` for a rule that is evaluated, `[1 2]` for rules that always match. */
function stepsOf(rules: string, phase: Phase = 1): string {
  const { ruleSet, diagnostics } = parseRules([{ name: 'fold.conf', text: rules }], { readFile: () => undefined });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const written = (step: FoldedStep): string =>
    step.kind === 'rule' ? String(step.rule.rule.id) : `[${step.rules.map(({ rule }) => rule.id).join(' ')}]`;
  const folded = foldPlan(makePlan(ruleSet, () => undefined));
  const { steps } = folded[phase];
  return steps.map(written).join(' ');
}

const SETUP = 'SecAction "id:1,phase:1,nolog,pass,setvar:tx.level=1"';
const ATTACK = 'SecRule ARGS "@rx attack" "id:50,phase:1,pass"';

describe('folds', () => {
  test.each([
    ['what is set for every request', SETUP, '[1]'],
    ['a default that holds', 'SecRule &TX:level "@eq 0" "id:2,phase:1,pass,nolog,setvar:tx.level=3"', '[2]'],
    [
      'a default that does not hold',
      `${SETUP}\nSecRule &TX:level "@eq 0" "id:2,phase:1,pass,setvar:tx.level=3"`,
      '[1]',
    ],
    [
      'a gate and everything behind it',
      `${SETUP}
      SecRule TX:LEVEL "@lt 2" "id:2,phase:1,pass,nolog,skipAfter:END"
      ${ATTACK}
      SecMarker END`,
      '[1 2]',
    ],
    [
      'a gate that is open',
      `${SETUP}\nSecRule TX:level "@lt 1" "id:2,phase:1,pass,skipAfter:END"\n${ATTACK}\nSecMarker END`,
      '[1] 50',
    ],
    [
      'an argument and a value made of what is known',
      `${SETUP}
      SecRule TX:level "@ge %{tx.level}" "id:2,phase:1,pass,setvar:tx.sum=+%{tx.level},setvar:tx.sum=+%{tx.level}"
      SecRule TX:sum "!@eq 2" "id:3,phase:1,deny"`,
      '[1 2]',
    ],
    [
      'a chain, whose links see what the head has set',
      `SecRule &TX:a "@eq 0" "id:2,phase:1,pass,setvar:tx.a=7,chain"
       SecRule TX:a "@eq 7" "setvar:tx.b=1"
      SecRule TX:b "!@eq 1" "id:3,phase:1,deny"`,
      '[2]',
    ],
    ['skip', `SecAction "id:1,phase:1,pass,skip:1"\n${ATTACK}\nSecRule ARGS "@rx x" "id:51,phase:1,pass"`, '[1] 51'],
  ])('%s', (_, rules, expected) => expect(stepsOf(rules)).toBe(expected));

  test('the gates of a later phase by what an earlier one has set', () => {
    const rules = `${SETUP}\nSecRule TX:level "@lt 2" "id:2,phase:2,pass,skipAfter:END"
      SecRule ARGS "@rx attack" "id:50,phase:2,pass"\nSecMarker END`;
    expect(stepsOf(rules, 2)).toBe('[2]');
  });
});

describe('does not fold', () => {
  const gate = 'SecRule TX:level "@lt 2" "id:9,phase:1,pass,skipAfter:END"\nSecMarker END';
  test.each([
    ['what a rule may have set', `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,setvar:tx.level=4"\n${gate}`, '[1] 2 9'],
    ['what a link may have set', `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,chain"\nSecRule ARGS "@rx y" "setvar:tx.level=4"\n${gate}`, '[1] 2 9'],
    ['what a name that a request chose may be', `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,setvar:tx.%{MATCHED_VAR}=4"\n${gate}`, '[1] 2 9'],
    ['what a name may become that begins so', `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,setvar:tx.le%{MATCHED_VAR}=4"\n${gate}`, '[1] 2 9'],
    ['what a capture may have overwritten', 'SecAction "id:1,phase:1,pass,setvar:tx.0=1"\nSecRule ARGS "@rx x" "id:2,phase:1,pass,capture"\nSecRule TX:0 "@eq 1" "id:3,phase:1,pass"', '[1] 2 3'],
    ['two ways that meet with different values', `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,skipAfter:MEET"\nSecAction "id:3,phase:1,pass,setvar:tx.level=2"\nSecMarker MEET\n${gate}`, '[1] 2 [3] 9'],
    ['a refusal', 'SecRule &TX:level "@eq 0" "id:2,phase:1,deny"', '2'],
    ['a chain of which a link does not match, for what its head does', 'SecRule &TX:a "@eq 0" "id:2,phase:1,pass,setvar:tx.a=1,chain"\nSecRule &TX:a "@eq 0"', '2'],
    ['a severity, which is compared with those before it', 'SecAction "id:2,phase:1,pass,severity:CRITICAL"', '2'],
    ['a control', 'SecAction "id:2,phase:1,pass,ctl:forceRequestBodyVariable=On"', '2'],
    ['a persistent collection', 'SecAction "id:2,phase:1,pass,initcol:ip=x,setvar:ip.hits=+1"', '2'],
    ['a sum of what is not known', 'SecRule ARGS "@rx x" "id:2,phase:1,pass,setvar:tx.sum=1"\nSecAction "id:3,phase:1,pass,setvar:tx.sum=+1"', '2 3'],
    ['a message with something of the request in it', `SecAction "id:2,phase:1,pass,msg:'%{REMOTE_ADDR}'"`, '2'],
    ['an argument that the request decides', `${SETUP}\nSecRule TX:level "@within %{REQUEST_METHOD}" "id:2,phase:1,pass"`, '[1] 2'],
    ['names that a pattern selects', `${SETUP}\nSecRule TX:/^lev/ "@eq 1" "id:2,phase:1,pass"`, '[1] 2'],
  ])('%s', (_, rules, expected) => expect(stepsOf(rules)).toBe(expected)); // biome-ignore format: one row each

  test('in a later phase what a rule that may end the phase early leaves unset', () => {
    const rules = `SecRule ARGS "@rx x" "id:1,phase:1,allow:phase"\nSecAction "id:2,phase:1,pass,setvar:tx.level=1"
      SecRule TX:level "@lt 2" "id:3,phase:2,pass"`;
    expect(stepsOf(rules, 2)).toBe('3');
  });

  test('a name that begins otherwise than what a request may write', () => {
    const rules = `${SETUP}\nSecRule ARGS "@rx x" "id:2,phase:1,pass,setvar:tx.p_%{MATCHED_VAR}=4"\n${gate}`;
    expect(stepsOf(rules)).toBe('[1] 2 [9]');
  });
});

function engines(rules: string): readonly [Waf, Waf] {
  const engine = (evaluator: 'compiled' | 'ruleByRule'): Waf => {
    const result = createWaf({ rules: [{ name: 'fold.conf', text: rules }], clock: new ManualClock(), evaluator });
    if (result.kind === 'ready') return result.waf;
    throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
  };
  return [engine('compiled'), engine('ruleByRule')];
}

describe('a transaction of which what was folded does not hold', () => {
  const gated = `
    SecRuleEngine On
    ${SETUP}
    SecRule ARGS:off "@rx ." "id:2,phase:1,pass,nolog,ctl:CONTROL"
    SecRule TX:level "@lt 2" "id:3,phase:1,pass,nolog,tag:'gate',skipAfter:END"
    SecRule &TX:level "@eq 0" "id:4,phase:1,pass"
    ${ATTACK}
    SecMarker END
    SecRule TX:level "@lt 2" "id:5,phase:2,pass,nolog,tag:'gate',skipAfter:END2"
    SecRule ARGS "@rx attack" "id:51,phase:2,deny"
    SecMarker END2`;
  test.each([
    ['ruleRemoveById=3', '/?off=1&a=attack', [1, 2, 50, 5]],
    ['ruleRemoveById=3-5', '/?off=1&a=attack', [1, 2, 50, 51]],
    ['ruleRemoveByTag=gate', '/?off=1&a=attack', [1, 2, 50, 51]],
    ['ruleRemoveTargetById=3-4;TX:level', '/?off=1&a=attack', [1, 2, 4, 50, 5]],
    ['ruleRemoveTargetByTag=gate;ARGS:a', '/?off=1&a=attack', [1, 2, 3, 5]],
    ['ruleRemoveById=3', '/?a=attack', [1, 3, 5]],
    ['ruleRemoveById=1', '/?off=1&a=attack', [1, 2, 3, 5]],
    ['ruleEngine=Off', '/?off=1&a=attack', [1, 2]],
  ])('goes on rule by rule: %s', (control, target, expected) => {
    for (const waf of engines(gated.replace('CONTROL', control))) {
      expect(play(waf, { target }).matchedRules.map(({ id }) => id)).toEqual(expected);
    }
  });

  test('skips from a block to where its last rule says', () => {
    // Found by the campaign: rules that only another jump reaches stood directly behind the block.
    const rules = `
      SecRule ARGS:a "@rx x" "id:1,phase:1,pass,skip:1"
      SecAction "id:2,phase:1,pass,skipAfter:END"
      SecRule REQUEST_METHOD "@streq GET" "id:3,phase:1,pass"
      SecMarker END`;
    for (const waf of engines(rules)) {
      const idsFor = (exchange: Play): readonly number[] => play(waf, exchange).matchedRules.map(({ id }) => id);
      expect(idsFor({ target: '/?a=y' })).toEqual([2]);
      expect(idsFor({ target: '/?a=x' })).toEqual([1, 3]);
    }
  });

  test.each(['compiled', 'rule by rule'] as const)(
    'keeps what the head of a chain has done that goes no further: %s',
    (name) => {
      const rules = `
      SecRule &TX:flag "!@streq 1" "id:1,phase:1,pass,setvar:tx.flag=+1,chain"
        SecRule &TX:flag "@eq 2"
      SecAction "id:2,phase:1,pass,msg:'%{MATCHED_VAR_NAME} %{MATCHED_VAR} %{TX.flag}'"`;
      const [compiled, ruleByRule] = engines(rules);
      const { matchedRules } = play(name === 'compiled' ? compiled : ruleByRule, { target: '/' });
      // The head saw that the flag was not set; the link saw it once, and that is what was seen last of what matched.
      expect(matchedRules.map(({ id, message }) => [id, message])).toEqual([[2, '&TX 0 1']]);
    },
  );

  test('is one whose phases came in another order', () => {
    for (const waf of engines(gated.replace('CONTROL', 'auditEngine=Off'))) {
      const transaction = waf.transaction('unique');
      transaction.processUri({ method: 'GET', target: '/?a=attack', protocol: 'HTTP/1.1' });
      transaction.processRequestBody();
      // Nothing has set the level: the gate finds no value, and does not close.
      expect(transaction.interruption?.ruleId).toBe(51);
    }
  });
});
