import { describe, expect, test } from 'vitest';
import { createWaf, exclusionsToRules } from '../../src/index.ts';
import { transformationOf } from '../../src/transformations/registry.ts';
import { engineOf, idsOf, play } from './rig.ts';

describe('what other engines got wrong once', () => {
  test('a %3F in the path does not begin the query (CVE-2024-1019)', () => {
    const waf = engineOf(`SecRule REQUEST_FILENAME "@contains attack" "id:1,phase:1,pass"
      SecRule QUERY_STRING "@streq x" "id:2,phase:1,pass"`);
    expect(idsOf(play(waf, { target: '/a%3f/attack?x' }))).toEqual([1, 2]);
  });

  test('two slashes do not begin an authority (CVE-2025-29914)', () => {
    const waf = engineOf('SecRule REQUEST_FILENAME "@streq //admin/panel" "id:1,phase:1,pass"');
    expect(idsOf(play(waf, { target: '//admin/panel?x' }))).toEqual([1]);
  });

  test('leading zeros do not hide a character reference (CVE-2025-27110)', () => {
    const waf = engineOf('SecRule ARGS "@streq <" "id:1,phase:1,pass,t:none,t:htmlEntityDecode"');
    expect(idsOf(play(waf, { target: `/?a=%26%23${'0'.repeat(500)}60;` }))).toEqual([1]);
  });

  test('a single digit does not upset hexDecode (CVE-2026-30923)', () => {
    const waf = engineOf('SecRule ARGS "@streq " "id:1,phase:1,pass,t:none,t:hexDecode"');
    expect(idsOf(play(waf, { target: '/?a=4' }))).toEqual([1]);
  });

  test.each(['/?a=%zz&b=attack', '/%zz?b=attack', '?b=attack', 'http://[bad?b=attack', '/a b?b=attack', '*?b=attack'])(
    'a target that no URL parser takes, %s, loses no argument (CVE-2026-107825)',
    (target) => {
      const waf = engineOf('SecRule ARGS:b "@streq attack" "id:1,phase:1,pass"');
      expect(idsOf(play(waf, { target }))).toEqual([1]);
    },
  );

  test('no cookie hides behind another (CVE-2026-107835)', () => {
    const waf = engineOf('SecRule REQUEST_COOKIES "@contains attack" "id:1,phase:1,pass"');
    for (const cookie of [
      'a=1; a=attack',
      'a=attack; a=1',
      'a="1; b=attack"',
      '$Version=1; a=attack',
      'attack',
      'a=1,b=attack',
    ]) {
      expect(idsOf(play(waf, { headers: [['Cookie', cookie]] }))).toEqual([1]);
    }
    const fields = [
      ['Cookie', 'a=1'],
      ['cookie', 'a=attack'],
    ] as const;
    expect(idsOf(play(waf, { headers: fields }))).toEqual([1]);
  });

  test.each(['/?a=1&A=attack', '/?a=attack&A=1', '/?a=1&a=attack'])(
    'names that differ in case or not at all do not overwrite one another: %s',
    (target) => {
      const waf = engineOf('SecRule ARGS:a "@streq attack" "id:1,phase:1,pass"');
      expect(idsOf(play(waf, { target }))).toEqual([1]);
    },
  );

  test('JSON keys with dots do not overwrite nested ones', () => {
    const waf = engineOf('SecRule ARGS "@streq attack" "id:1,phase:2,pass"');
    const headers = [['Content-Type', 'application/json']] as const;
    for (const body of ['{"a":{"b":"attack"},"a.b":"x"}', '{"a.b":"attack","a":{"b":"x"}}', '{"a":"attack","a":"x"}']) {
      expect(idsOf(play(waf, { method: 'POST', headers, body }))).toEqual([1]);
    }
  });

  test('captures of the last part do not hide those before it (CVE-2026-21876)', () => {
    const waf = engineOf(`
      SecRule ARGS "@rx ^type:(.*)$" "id:1,phase:1,pass,nolog,capture,setvar:'tx.seen_%{MATCHED_VAR_NAME}=%{TX.1}'"
      SecRule TX:/^seen_/ "@streq bad" "id:2,phase:1,pass"`);
    expect(idsOf(play(waf, { target: '/?a=type:bad&b=type:good' }))).toEqual([1, 2]);
  });

  test('a thousand line breaks cost no more than a thousand letters, within a constant (GHSA-f5qm-3h4p-8qhg, R3.5)', () => {
    const waf = engineOf(String.raw`SecRule ARGS "@rx (?:\s|\n)*(?:\s|\n)*(?:\s|\n)*x$" "id:1,phase:1,pass"`);
    const steps = ['a', '%0a'].map((unit) => play(waf, { target: `/?a=${unit.repeat(1000)}` }).steps);
    expect(steps[1]).toBeLessThan((steps[0] ?? 0) * 4);
  });

  test.each([
    'removeNulls',
    'replaceNulls',
    'removeWhitespace',
    'compressWhitespace',
    'removeComments',
    'replaceComments',
    'removeCommentsChar',
  ])('millions of what %s takes out come to an end (CVE-2023-38285)', (name) => {
    // One by one from a text of this length would be terabytes of copying.
    const text = '\0 \t/**/--'.repeat(500_000);
    expect(transformationOf(name)?.(text).length).toBeLessThanOrEqual(text.length);
  });

  test.each(['sanitiseArg:password', 'sanitiseMatched', 'sanitiseMatchedBytes:1/4'])(
    '%s, which others pay for argument by argument, is refused when it is read (CVE-2025-48866)',
    (action) => {
      const rules = [{ name: 'a.conf', text: `SecRule ARGS "@rx ." "id:1,phase:2,pass,${action}"` }];
      const result = createWaf({ rules });
      expect(result.kind === 'invalid' ? result.diagnostics.map(({ line }) => line) : []).toEqual([1]);
    },
  );

  test('a body that cannot be read changes nothing about the type of the answer (CVE-2025-54571)', () => {
    const waf = engineOf('SecRule RESPONSE_CONTENT_TYPE "@streq text/html" "id:1,phase:3,pass"');
    const headers = [['Content-Type', 'multipart/form-data; boundary=a']] as const;
    const transaction = play(waf, { method: 'POST', headers, body: '--a\r\nContent-Type: text/plain\r\n' });
    expect(idsOf(transaction)).toEqual([1]);
    expect(transaction.interruption).toBeUndefined();
  });

  test.each(['verifyCC', 'verifyCPF', 'verifySSN', 'verifySVNR', 'validateNid cl', 'validateNid us'])(
    '@%s takes candidates of any length, also of none (CVE-2026-42268)',
    (operator) => {
      const waf = engineOf(String.raw`SecRule ARGS "@${operator} [\d-]*" "id:1,phase:1,pass"`);
      for (const value of ['', '1', '-', '--', '12', '1-', '-1', '123', 'x']) {
        expect(idsOf(play(waf, { target: `/?a=${value}` }))).toEqual([]);
      }
    },
  );

  test('UTF-8 that ends too soon is not read beyond its end (CVE-2026-52761)', () => {
    const utf8toUnicode = transformationOf('utf8toUnicode');
    for (const lead of ['\xc3', '\xe2\x82', '\xf0\x9f\x98', '\xf8\x88\x80\x80', '\xff', '\x80']) {
      expect(utf8toUnicode?.(`a${lead}`)).toBe(`a${lead}`);
      expect(utf8toUnicode?.(`${lead}<`)).toBe(`${lead}<`);
    }
    expect(utf8toUnicode?.('\xf0\x9f\x98\x80')).toMatch(/^(?:%u[0-9a-f]{4,8})+$/i);
  });

  test('a Content-Type with a second charset is refused (CVE-2022-39955)', () => {
    for (const type of ['application/json; charset=utf-8; charset=utf-7', 'text/plain; charset=utf-7, text/plain']) {
      const transaction = play(engineOf('SecRuleEngine On'), {
        method: 'POST',
        headers: [['Content-Type', type]],
        body: 'x',
      });
      expect(transaction.interruption).toMatchObject({ cause: 'requestBodyType', status: 400 });
    }
  });

  test('two Content-Types are refused, in whichever order they come (CVE-2023-38199)', () => {
    const [json, form] = [
      ['Content-Type', 'application/json'],
      ['content-type', 'application/x-www-form-urlencoded'],
    ] as const;
    for (const headers of [
      [json, form],
      [form, json],
    ]) {
      const transaction = play(engineOf('SecRuleEngine On'), { method: 'POST', headers, body: 'a=attack' });
      expect(transaction.interruption).toMatchObject({ cause: 'requestBodyType', status: 400 });
    }
  });

  test.each([
    ['CVE-2022-39957', 'Accept-Charset', 'utf-7'],
    ['CVE-2022-39958', 'Range', 'bytes=0-0'],
  ])('what shapes the answer is there before it is made, every time it is said (%s)', (_, name, value) => {
    const waf = engineOf(`SecRule REQUEST_HEADERS:${name} "@streq ${value}" "id:1,phase:1,deny"`);
    const headers = [
      [name, 'harmless'],
      [name.toLowerCase(), value],
    ] as const;
    expect(play(waf, { headers }).interruption).toMatchObject({ phase: 1, ruleId: 1 });
  });

  test('what is left out on a path is not left out behind, before or around it (CVE-2021-35368)', () => {
    const exclusion = { rules: { ids: ['1'] }, exactPath: '/user/login', reason: 'for this test', until: '2999-01-01' };
    const waf = engineOf(
      `${exclusionsToRules([exclusion], 0).rules.text}\nSecRule ARGS "@streq attack" "id:1,phase:2,pass"`,
    );
    expect(idsOf(play(waf, { target: '/user/login?a=attack' }))).not.toContain(1);
    for (const path of [
      '/user/login/',
      '/user/login/x.php',
      '/admin.php/user/login',
      '/x?b=/user/login&',
      '//user/login',
    ]) {
      const target = path.includes('?') ? `${path}a=attack` : `${path}?a=attack`;
      expect(idsOf(play(waf, { target }))).toContain(1);
    }
  });
});
