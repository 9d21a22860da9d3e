import { describe, expect, test } from 'vitest';
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

  test('a thousand line breaks cost no more than a thousand letters, within a constant', () => {
    const waf = engineOf(String.raw`SecRule ARGS "@rx (?:\s|\n)*(?:\s|\n)*(?:\s|\n)*x$" "id:1,phase:1,pass"`);
    const steps = ['a', '%0a'].map((unit) => play(waf, { target: `/?a=${unit.repeat(1000)}` }).steps);
    expect(steps[1]).toBeLessThan((steps[0] ?? 0) * 4);
  });
});
