import { describe, expect, test } from 'vitest';
import { type Exclusion, exclusionsToRules, explain, explanationText, type Transaction } from '../../src/index.ts';
import { engineOf, idsOf, type Play, play } from '../engine/rig.ts';

const RULES = `
SecRule ARGS|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|XML:/* "@rx attack(.*)" \\
  "id:10,phase:2,pass,capture,t:none,t:urlDecodeUni,t:lowercase,severity:CRITICAL,ver:'starter/1',tag:'attack-x',\\
  msg:'An attack in %{MATCHED_VAR_NAME}: %{TX.0}',logdata:'%{MATCHED_VAR}',setvar:tx.copy=%{MATCHED_VAR},setvar:tx.score=+5"
SecRule TX:copy "@contains attack" "id:20,phase:2,pass,t:none,msg:'Copied',setvar:tx.score=+2"
SecRule TX:score "@ge 5" "id:30,phase:2,deny,status:403,t:none,msg:'The score is %{TX.score}'"
SecAction "id:40,phase:1,pass,nolog,setvar:tx.books=1"`;

function explained(request: Play, rules = RULES): { transaction: Transaction; text: string; json: string } {
  const transaction = play(engineOf(rules), request);
  const explanation = explain(transaction, { path: '/search' });
  return { transaction, text: explanationText(explanation), json: JSON.stringify(explanation) };
}

describe('an explanation', () => {
  test('says which rules matched, on what, seen how, for how much, and what would have let it through', () => {
    const transaction = play(engineOf(RULES), { target: '/search?q=%2541TTACK' });
    expect(explain(transaction, { path: '/search' })).toEqual({
      decision: {
        outcome: 'refused',
        kind: 'deny',
        status: 403,
        cause: 'rule',
        ruleId: 30,
        phase: 2,
        message: 'The score is 7',
      },
      rules: [
        {
          id: 10,
          phase: 2,
          message: 'An attack in ARGS:q: attack',
          data: 'attack',
          severity: 'critical',
          tags: ['attack-x'],
          version: 'starter/1',
          file: 'test.conf',
          line: 2,
          matches: [
            { part: 'ARGS:q', value: '%41TTACK', seen: 'attack', transformations: ['urldecodeuni', 'lowercase'] },
          ],
          furtherMatches: 0,
          scores: [{ variable: 'score', added: 5 }],
          exclusions: [
            {
              rules: { ids: ['10'] },
              target: 'ARGS:q',
              exactPath: '/search',
              secLang: 'SecRuleUpdateTargetById 10 "!ARGS:q"',
            },
          ],
        },
        expect.objectContaining({ id: 20, exclusions: [], scores: [{ variable: 'score', added: 2 }] }),
        expect.objectContaining({ id: 30, scores: [] }),
      ],
      furtherRules: 0,
      totals: [{ variable: 'score', added: 7 }],
    });
  });

  test('is text that a person reads', () => {
    expect(
      explained({ target: '/search?q=%2541TTACK' }).text,
    ).toBe(`The request was refused with 403 in phase 2 by rule 30: The score is 7

10 (critical) An attack in ARGS:q: attack
    adds     +5 score
    on       ARGS:q
    value    %41TTACK
    seen as  attack
    after    urldecodeuni, lowercase
    exclude  { rules: { ids: [10] }, target: "ARGS:q", exactPath: "/search", reason: ..., until: ... }
    or       SecRuleUpdateTargetById 10 "!ARGS:q"

20 Copied
    adds     +2 score
    on       TX:copy
    value    attack

30 The score is 7
    on       TX:score
    value    7

Together: +7 score
`);
  });

  test('says what would have been done where the engine only observes', () => {
    const { text } = explained({ target: '/?q=attack' }, `SecRuleEngine DetectionOnly\n${RULES}`);
    expect(text).toMatch(/^The request would have been refused with 403/);
  });

  test('says so when there was nothing', () => {
    expect(explained({}).text).toBe('Nothing was found against this request.\n');
  });

  test('says why a request was refused that no rule refused', () => {
    const transaction = play(engineOf(RULES, { stepsMax: 10 }), { target: '/?q=abcdef' });
    expect(explanationText(explain(transaction))).toBe(
      'The request was refused with 403 in phase 2 by stepBudget: the request needs more steps of inspection than it may have\n',
    );
  });

  test('names exclusions that do let the request through', () => {
    const target = "/a%20b?q%20'%22=attack&r=attack";
    const first = play(engineOf(RULES), { target });
    const exclusions = explain(first, { path: '/a%20b' }).rules.flatMap((rule) => rule.exclusions);
    const asData: Exclusion[] = exclusions.map(({ rules: named, target: part, exactPath }) => ({
      rules: named,
      target: part,
      exactPath,
      reason: 'for this test',
      until: '2999-01-01',
    }));
    const { rules, problems } = exclusionsToRules(asData, 0);
    expect(problems).toEqual([]);
    expect(idsOf(play(engineOf(`${rules.text}\n${RULES}`), { target }))).not.toContain(10);
    const asSecLang = exclusions.map(({ secLang }) => secLang).join('\n');
    expect(idsOf(play(engineOf(`${RULES}\n${asSecLang}`), { target }))).not.toContain(10);
  });
});

describe('an explanation never shows', () => {
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const;

  test('a copy of a secret in the message of a rule that saw nothing but the copy', () => {
    const rules = RULES.replace("msg:'Copied'", "msg:'Copied %{TX.copy}',logdata:'%{TX.copy}'");
    const { text, json } = explained({ headers: [['X-Api-Key', 'attack-hunter2-x']] }, rules);
    expect(json).toContain('Copied [masked]');
    expect(text + json).not.toContain('hunter2');
  });

  test('a copy of a secret that a rule made which is not logged', () => {
    const rules = `SecRule ARGS:password "@rx ^(.*)$" "id:1,phase:2,pass,nolog,capture,setvar:'tx.copy=%{TX.1}'"
      SecRule TX:copy "@rx hunter" "id:2,phase:2,pass,log,msg:'Saw %{MATCHED_VAR}',logdata:'%{MATCHED_VAR}'"`;
    const { text, json } = explained({ target: '/?password=hunter2-x' }, rules);
    expect(json).toContain('Saw [masked]');
    expect(text + json).not.toContain('hunter2');
  });

  test.each<[string, Play]>([
    ['a credential', { headers: [['Authorization', 'Bearer attack-hunter2-x']] }],
    ['a cookie', { headers: [['Cookie', 'theme=attack-hunter2-x']] }],
    ['an API key', { headers: [['X-Api-Key', 'attack-hunter2-x']] }],
    ['a password of a form', { method: 'POST', headers: form, body: 'a=1&new_password=attack hunter2 x&b=attack' }],
    [
      'a password of a form, encoded',
      { method: 'POST', headers: form, body: 'user%5Bpasswd%5D=attack%20hunter2&b=attack' },
    ],
    [
      'a password of JSON',
      {
        method: 'POST',
        headers: [['Content-Type', 'application/json']],
        body: '{"user":{"passWord":"attack hunter2"}}',
      },
    ],
    [
      'a password of JSON in the raw',
      { method: 'POST', headers: form, body: '{"a":"attack","passWord":"the hunter2 \\" hunter2"}' },
    ],
    ['a token in a URL', { headers: [['Referer', 'https://example.com/?attack=1&access_token=hunter2-hunter2']] }],
    ['a token of a JSON Web Token', { target: '/?q=attack+eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2' }],
    [
      'the beginning of a token that goes on behind what is looked at',
      { target: `/?q=attack+eyJhbGciOiJIUzI1NiJ9.hunter2${'x'.repeat(1_000)}.x` },
    ],
    ['a name that is said to be secret', { target: '/?handle=attack-hunter2' }],
  ])('%s', (_, request) => {
    const transaction = play(engineOf(RULES), request);
    expect(idsOf(transaction)).toContain(10);
    expect(JSON.stringify(transaction.matchedRules)).toContain('hunter2');
    const explanation = explain(transaction, { secretNames: ['Handle'] });
    expect(JSON.stringify(explanation)).not.toMatch(/hunter2/i);
    expect(JSON.stringify(explanation)).toContain('[masked]');
    expect(explanationText(explanation)).not.toMatch(/hunter2/i);
  });

  test.each(['passenger', 'compass', 'author', 'spinner', 'keyboard', 'sidebar'])('less than it has to: %s', (name) => {
    expect(explained({ target: `/?${name}=attack-here` }).json).toContain('attack-here');
  });

  test('a byte that a terminal would obey', () => {
    const { text, json } = explained({ target: '/?q=attack%1b%5b2J%0a%00%c2%9b%e2%80%ae%e2%80%8b%ff%5c' });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{C}]/u);
    expect(json).not.toMatch(/[\p{C}]/u);
    expect(text).toContain(String.raw`attack\x1b[2J\x0a\x00\xc2\x9b\xe2\x80\xae\xe2\x80\x8b\xff\\`);
  });

  test('letters of other languages in any other way than they are', () => {
    expect(explained({ target: `/?q=attack%20${encodeURIComponent('สวัสดี ñ 你好')}` }).text).toContain('สวัสดี ñ 你好');
  });

  test('a copy of a secret that is too long, or one of too many, to be compared', () => {
    const long = `${'x'.repeat(700)}hunter2attack`;
    const rules = `SecRuleEngine DetectionOnly\n${RULES}\nSecRule ARGS "@rx (hunter2)attack" "id:50,phase:2,pass,capture,t:none,setvar:tx.piece=%{TX.1}"
      SecRule TX:piece "@rx ." "id:51,phase:2,pass,t:none"`;
    const many = Array.from({ length: 20 }, (_, index) => `password${index}=attack-${index}-hunter2attack`).join('&');
    for (const target of [`/?password=${long}`, `/?${many}`]) {
      const found = explained({ target }, rules);
      expect(found.text).toContain('TX:piece');
      expect(found.json).not.toMatch(/hunter2/);
    }
  });

  test('a name of a kilobyte as an exclusion that says something else', () => {
    const transaction = play(engineOf(RULES), { target: `/?${'n%20'.repeat(2_000)}=attack&q=attack` });
    const [rule] = explain(transaction).rules;
    expect(rule?.exclusions.map(({ target }) => target)).toEqual(['ARGS:q']);
    expect(rule?.matches[0]?.part.length).toBeLessThan(600);
  });

  test('more than a page, however much matched', () => {
    const many = Array.from({ length: 900 }, (_, index) => `a${index}=attack${'x'.repeat(2_000)}`).join('&');
    const rules = Array.from(
      { length: 100 },
      (_, index) => `SecRule ARGS "@contains attack" "id:${index + 100},phase:2,pass"`,
    );
    const transaction = play(engineOf(rules.join('\n')), { target: `/?${many}` });
    const explanation = explain(transaction);
    expect([explanation.rules.length, explanation.furtherRules]).toEqual([32, 68]);
    expect([explanation.rules[0]?.matches.length, explanation.rules[0]?.furtherMatches]).toEqual([8, 24]);
    expect(JSON.stringify(explanation).length).toBeLessThan(400_000);
  });
});
