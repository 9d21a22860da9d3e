import { describe, expect, test } from 'vitest';
import { logLine } from '../../src/index.ts';
import { engineOf, idsOf, play } from './rig.ts';

describe('a rule', () => {
  test.each([
    ['names of arguments', 'ARGS_NAMES "@streq b"', '/?a=1&b=2', true],
    ['one argument in any case', 'ARGS:A "@streq 1"', '/?a=1&b=2', true],
    ['arguments by pattern', 'ARGS:/^b/ "@streq 2"', '/?a=1&b2=2', true],
    ['all but one', 'ARGS|!ARGS:a "@streq 1"', '/?a=1', false],
    ['all but those of a pattern', 'ARGS|!ARGS:/^a/ "@streq 1"', '/?ab=1', false],
    ['a number of values', '&ARGS "@eq 2"', '/?a=1&a=2', true],
    ['a number of values that are not excluded', '&ARGS|!ARGS:a "@eq 0"', '/?a=1&a=2', true],
    ['nothing, and then does not run', 'ARGS "!@streq 1"', '/', false],
    ['the path, decoded once and cut before', 'REQUEST_FILENAME "@streq /a?b"', '/a%3Fb?c', true],
    ['the last part of the path', 'REQUEST_BASENAME "@streq b.php"', '/a/b.php?x=/c', true],
    ['a path that begins with two slashes', 'REQUEST_FILENAME "@streq //host/a"', '//host/a', true],
    ['an absolute target without its authority', 'REQUEST_URI "@streq /a?b"', 'http://host/a?b', true],
    ['every one of several values', 'ARGS:a "@streq 2"', '/?a=1&a=2', true],
  ])('looks at %s', (_, condition, target, expected) => {
    const waf = engineOf(`SecRule ${condition} "id:1,phase:1,pass,t:none"`);
    expect(idsOf(play(waf, { target }))).toEqual(expected ? [1] : []);
  });

  test.each([
    // Another rule costs its operator, or nothing where one look is for all rules.
    ['ruleByRule' as const, 101],
    ['compiled' as const, 0],
  ])('transforms each value once for all chains that begin alike, evaluated %s', (evaluator, more) => {
    const rule = (id: number, letter: string): string =>
      `SecRule ARGS "@rx ${letter}" "id:${id},phase:1,pass,t:none,t:lowercase,t:removeWhitespace"`;
    const two = engineOf(`${rule(1, 'x')}\n${rule(2, 'y')}`, { evaluator });
    const three = engineOf(`${rule(1, 'x')}\n${rule(2, 'y')}\n${rule(3, 'z')}`, { evaluator });
    const target = `/?a=${'A'.repeat(100)}`;
    // The first request of a kind also learns what to do with such texts.
    for (const waf of [two, three]) play(waf, { target });
    expect(play(three, { target }).steps - play(two, { target }).steps).toBe(more);
  });

  test.each([
    ['matches the shortest text that decodes to a match', '@rx abc', 't:base64Decode', 'YWJj', true],
    ['matches no shorter one', '@rx abc', 't:base64Decode', 'YW', false],
    ['matches the shortest phrase', '@pm abcd xy', 't:removeWhitespace', 'x y', true],
    ['looks at short texts that a step makes longer', '@rx ^6161$', 't:removeWhitespace,t:hexEncode', ' aa', true],
    ['is content with a short text where it must not match', '!@rx abc', 't:base64Decode', 'YQ', true],
    ['asks operators that know no length', '@streq a', 't:base64Decode', 'YQ', true],
  ])('%s', (_, operator, chain, value, expected) => {
    for (const evaluator of ['compiled', 'ruleByRule'] as const) {
      const waf = engineOf(`SecRule ARGS "${operator}" "id:1,phase:1,pass,t:none,${chain}"`, { evaluator });
      expect(idsOf(play(waf, { target: `/?a=${value.replaceAll(' ', '+')}` }))).toEqual(expected ? [1] : []);
    }
  });

  test('with multiMatch looks at every form that is new', () => {
    const waf = engineOf(
      'SecRule ARGS "@rx ^(?:A B|a b|ab)$" "id:1,phase:1,pass,multiMatch,t:none,t:lowercase,t:removeWhitespace"',
    );
    const [match] = play(waf, { target: '/?a=A+B' }).matchedRules;
    expect(match?.values.map(({ transformed }) => transformed)).toEqual(['A B', 'a b', 'ab']);
  });

  test('captures groups for its links and its message, and forgets those of before', () => {
    const waf = engineOf(`
      SecRule ARGS:a "@rx (.)(.)" "id:1,phase:1,pass,capture,chain,msg:'%{TX.0}|%{TX.1}|%{TX.2}'"
        SecRule TX:2 "@streq %{TX.1}" ""
      SecRule ARGS:b "@rx b" "id:2,phase:1,pass,capture"
      SecRule &TX:2 "@eq 0" "id:3,phase:1,pass"`);
    const transaction = play(waf, { target: '/?a=xx&b=b' });
    expect(idsOf(transaction)).toEqual([1, 2, 3]);
    expect(transaction.matchedRules[0]?.message).toBe('xx|x|x');
  });

  test('sets variables on every match, also when a link then fails', () => {
    const waf = engineOf(`
      SecRule ARGS "@rx ." "id:1,phase:1,pass,setvar:tx.seen=+1,chain"
        SecRule ARGS "@streq nothing" "setvar:tx.never=1"`);
    const transaction = play(waf, { target: '/?a=1&b=2&c=3' });
    expect(idsOf(transaction)).toEqual([]);
    expect(transaction.valueOf('TX', 'seen')).toBe('3');
    expect(transaction.valueOf('TX', 'never')).toBeUndefined();
  });

  test('gives its links what it matched', () => {
    const waf = engineOf(`
      SecRule ARGS "@rx ^a" "id:1,phase:1,pass,chain,logdata:'%{MATCHED_VAR_NAME}'"
        SecRule MATCHED_VARS "@endsWith z" ""`);
    const transaction = play(waf, { target: '/?one=ab&two=az&three=z' });
    expect(transaction.matchedRules[0]?.data).toBe('MATCHED_VARS:ARGS:two');
  });

  test('explains itself: where, what it saw, how it got there, what it added', () => {
    const waf = engineOf(`
      SecAction "id:1,phase:1,nolog,pass,setvar:tx.critical=5"
      SecRule ARGS "@rx <script" "id:2,phase:1,pass,t:none,t:urlDecodeUni,t:lowercase,severity:CRITICAL,\\
        msg:'Script in %{MATCHED_VAR_NAME}',tag:'attack-xss',setvar:tx.score=+%{tx.critical}"`);
    const transaction = play(waf, { target: '/?q=%253CSCRIPT%253E' });
    expect(transaction.matchedRules[1]).toEqual({
      id: 2,
      phase: 1,
      file: 'test.conf',
      line: 3,
      message: 'Script in ARGS:q',
      data: '',
      severity: 2,
      tags: ['attack-xss'],
      version: '',
      values: [
        {
          name: 'ARGS:q',
          value: '%3CSCRIPT%3E',
          transformed: '<script>',
          transformations: ['urldecodeuni', 'lowercase'],
        },
      ],
      scores: [{ variable: 'score', added: 5 }],
      isLogged: true,
      disruption: 'pass',
    });
    expect(transaction.valueOf('HIGHEST_SEVERITY')).toBe('2');
  });

  test('never writes a line of its own into the log', () => {
    const waf = engineOf(`SecRule ARGS "@rx a" "id:1,phase:1,pass,logdata:'%{MATCHED_VAR}'"`);
    const [match] = play(waf, { target: '/?x=a%0A%22]%20[id%20%222%22]%ff' }).matchedRules;
    const line = match === undefined ? '' : logLine(match, { uri: '/', uniqueId: 'u' });
    expect(line).toBe(
      String.raw`Matched in phase 1 at ARGS:x. [file "test.conf"] [line "1"] [id "1"] [data "a\x0a\"] [id \"2\"]\xff"] [uri "/"] [unique_id "u"]`,
    );
  });
});

describe('the order of rules', () => {
  test.each([
    ['skipAfter goes behind the marker', 'skipAfter:END', [1, 4]],
    ['skipAfter of a label that does not come ends the phase', 'skipAfter:NOWHERE', [1]],
    ['skip leaves out so many rules', 'skip:1', [1, 3, 4]],
    ['nothing else goes to the next', 'log', [1, 2, 3, 4]],
  ])('%s', (_, action, expected) => {
    const waf = engineOf(`
      SecAction "id:1,phase:1,pass,${action}"
      SecAction "id:2,phase:1,pass"
      SecAction "id:3,phase:1,pass"
      SecMarker END
      SecAction "id:4,phase:1,pass"`);
    expect(idsOf(play(waf))).toEqual(expected);
  });

  test.each([
    ['ruleRemoveById=2-3', [1, 4]],
    ['ruleRemoveByTag=b', [1, 2, 4]],
    ['ruleRemoveByMsg=two', [1, 3, 4]],
    ['ruleRemoveTargetById=2;ARGS:a', [1, 3, 4]],
    ['ruleRemoveTargetByTag=b;ARGS', [1, 2, 4]],
    ['ruleRemoveTargetByMsg=two;ARGS:/^a/', [1, 3, 4]],
    ['ruleEngine=Off', [1]],
  ])('ctl:%s takes effect on what comes', (control, expected) => {
    const waf = engineOf(`
      SecAction "id:1,phase:1,pass,ctl:${control}"
      SecRule ARGS "@rx 1" "id:2,phase:1,pass,msg:'two'"
      SecRule ARGS "@rx 1" "id:3,phase:1,pass,tag:'b'"
      SecAction "id:4,phase:2,pass"`);
    expect(idsOf(play(waf, { target: '/?a=1' }))).toEqual(expected);
  });
});
