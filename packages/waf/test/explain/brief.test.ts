import { describe, expect, test } from 'vitest';
import { briefRules, explain, type MatchedRule } from '../../src/index.ts';
import { engineOf, type Play, play } from '../engine/rig.ts';

const RULES = `
SecRule ARGS|REQUEST_HEADERS|REQUEST_COOKIES "@rx attack(.*)" \\
  "id:10,phase:2,pass,capture,t:none,t:urlDecodeUni,t:lowercase,severity:CRITICAL,\\
  msg:'An attack in %{MATCHED_VAR_NAME}: %{TX.0}',logdata:'%{MATCHED_VAR}',setvar:tx.copy=%{MATCHED_VAR},setvar:tx.score=+5"
SecRule TX:copy "@contains attack" "id:20,phase:2,pass,t:none,msg:'Copied %{TX.copy}'"
SecAction "id:30,phase:2,pass,t:none,msg:'The score is %{TX.score}'"`;

const LIMITS = { rulesMax: 20, textMax: 200 };

function matchesOf(request: Play): readonly MatchedRule[] {
  return play(engineOf(RULES), request).matchedRules;
}

describe('a rule told in brief', () => {
  const requests: readonly (readonly [string, Play])[] = [
    ['a part with transformations', { target: '/?q=%2541TTACK' }],
    ['several parts', { target: '/?a=attack1&b=attack2', headers: [['X-Test', 'attack3']] }],
    ['a field that says that it is secret', { target: '/?password=attack-on-me' }],
    ['a cookie', { target: '/', headers: [['Cookie', 'theme=attack-in-a-cookie']] }],
    ['a field within a field', { target: '/?q=attack%26token=abcdef' }],
    ['bytes that are no text', { target: '/?q=attack%00%1b[31m%e2%82%ac' }],
  ];

  test.each(requests)('says of %s what an explanation says first', (_, request) => {
    const rules = matchesOf(request);
    const explained = explain({ matchedRules: rules }).rules;
    expect(briefRules(rules, LIMITS)).toEqual(
      explained.map(({ id, phase, message, data, matches: [first], scores, exclusions: [exclusion] }) => ({
        id,
        phase,
        message,
        data,
        severity: id === 10 ? 2 : undefined,
        part: first?.part ?? '',
        value: first?.value ?? '',
        transformations: first?.transformations ?? [],
        scores,
        exclusion: exclusion?.target ?? '',
      })),
    );
  });

  test('shows no secret, also where a rule has copied it', () => {
    const text = JSON.stringify(briefRules(matchesOf({ target: '/?password=attack-on-me' }), LIMITS));
    expect(text).toContain('Copied [masked]');
    expect(text).not.toContain('attack-on');
  });

  test('shows no secret that a rule has copied of which nothing is told', () => {
    const transaction = play(engineOf(RULES.replace('pass,capture', 'pass,nolog,capture')), {
      target: '/?password=attack-on-me',
    });
    const { matchedRules } = transaction;
    const logged = matchedRules.filter(({ isLogged }) => isLogged);
    const text = JSON.stringify(briefRules(logged, { ...LIMITS, matchedRules }));
    expect(text).toContain('Copied [masked]');
    expect(text).not.toContain('attack-on');
  });

  test('is cut, as are the rules', () => {
    const rules = matchesOf({ target: `/?q=attack${'x'.repeat(5_000)}` });
    const [first, ...others] = briefRules(rules, { rulesMax: 1, textMax: 16 });
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      message: 'An attack in ARG…',
      data: 'attackxxxxxxxxxx…',
      value: 'attackxxxxxxxxxx…',
    });
  });

  test('has room for an exclusion or shows none', () => {
    const [first] = briefRules(matchesOf({ target: `/?${'n'.repeat(600)}=attack` }), LIMITS);
    expect(first?.exclusion).toBe('');
  });
});
