import { describe, expect, test } from 'vitest';
import { engineOf, idsOf, play } from './rig.ts';

describe('an interruption', () => {
  test.each([
    ['deny', { kind: 'deny', status: 403, location: undefined }],
    ['deny,status:429', { kind: 'deny', status: 429, location: undefined }],
    ['drop', { kind: 'drop', status: 403, location: undefined }],
    ['redirect:https://example.com/%{ARGS.a}', { kind: 'redirect', status: 302, location: 'https://example.com/1' }],
  ])('says what %s means', (action, expected) => {
    const waf = engineOf(`SecRule ARGS "@streq 1" "id:7,phase:1,${action},msg:'no'"`);
    const { interruption } = play(waf, { target: '/?a=1' });
    expect(interruption).toEqual({ ...expected, cause: 'rule', ruleId: 7, phase: 1, message: 'no' });
  });

  test('ends all phases but logging', () => {
    const waf = engineOf(`
      SecAction "id:1,phase:1,deny"
      SecAction "id:2,phase:1,pass"
      SecAction "id:3,phase:2,pass"
      SecAction "id:4,phase:5,pass"`);
    expect(idsOf(play(waf))).toEqual([1, 4]);
  });

  test('is what SecDefaultAction says for rules that block', () => {
    const waf = engineOf('SecDefaultAction "phase:2,deny,status:418"\nSecAction "id:1,phase:2,block"');
    expect(play(waf).interruption?.status).toBe(418);
  });

  test('does not happen in DetectionOnly, where it is noted and everything is judged', () => {
    const waf = engineOf('SecRuleEngine DetectionOnly\nSecAction "id:1,phase:1,deny"\nSecAction "id:2,phase:2,deny"');
    const transaction = play(waf);
    expect(transaction.interruption).toBeUndefined();
    expect(transaction.suppressedInterruption?.ruleId).toBe(1);
    expect(idsOf(transaction)).toEqual([1, 2]);
  });

  test.each([
    ['allow', [1, 6]],
    ['allow:request', [1, 4, 5, 6]],
    ['allow:phase', [1, 3, 4, 5, 6]],
  ])('does not happen to what %s lets through', (action, expected) => {
    const waf = engineOf(`
      SecAction "id:1,phase:1,${action}"
      SecAction "id:2,phase:1,deny"
      SecAction "id:3,phase:2,pass"
      SecAction "id:4,phase:3,pass"
      SecAction "id:5,phase:4,pass"
      SecAction "id:6,phase:5,pass"`);
    const transaction = play(waf);
    expect([idsOf(transaction), transaction.interruption]).toEqual([expected, undefined]);
  });
});

describe('a limit', () => {
  const body = 'a'.repeat(11);

  test.each([
    ['at it', 'a'.repeat(10), undefined],
    ['one beyond', body, 413],
  ])('of the request body refuses what is larger: %s', (_, text, status) => {
    const waf = engineOf('SecRequestBodyLimit 10');
    const { interruption } = play(waf, { method: 'POST', body: text });
    expect(interruption?.status).toBe(status);
    if (status !== undefined) expect(interruption?.cause).toBe('requestBodyLimit');
  });

  test('of the request body can be told to look at the beginning only', () => {
    const waf = engineOf(`SecRequestBodyLimit 10
      SecRequestBodyLimitAction ProcessPartial
      SecRule INBOUND_DATA_ERROR "@eq 1" "id:1,phase:2,pass"`);
    const transaction = play(waf, { method: 'POST', body });
    expect([idsOf(transaction), transaction.interruption]).toEqual([[1], undefined]);
  });

  test('of the response body can refuse', () => {
    const waf = engineOf('SecResponseBodyAccess On\nSecResponseBodyLimit 10\nSecResponseBodyLimitAction Reject');
    expect(play(waf, { response: { body } }).interruption).toMatchObject({ status: 500, cause: 'responseBodyLimit' });
  });

  test('of steps refuses a request that costs more, and never lets it through unseen', () => {
    const rules = Array.from({ length: 100 }, (_, id) => `SecRule ARGS "@rx x" "id:${id + 1},phase:1,pass"`).join('\n');
    const target = `/?a=${'a'.repeat(1000)}`;
    const { steps } = play(engineOf(rules), { target });
    expect(play(engineOf(rules, { stepsMax: steps }), { target }).interruption).toBeUndefined();
    const refused = play(engineOf(rules, { stepsMax: steps - 1 }), { target });
    expect(refused.interruption).toMatchObject({ kind: 'deny', cause: 'stepBudget' });
    // Rule by rule the budget is asked after each of them; where one look is for all rules, after each value.
    const waf = engineOf(rules, { stepsMax: 2000, evaluator: 'ruleByRule' });
    expect(play(waf, { target }).steps).toBeLessThan(2000 + 2 * 1002);
  });

  test('of steps counts every reading of a detector', () => {
    const target = `/?a=${'%27%22%5c%3c'.repeat(100)}`;
    const [sqli, xss, contains] = ['@detectSQLi', '@detectXSS', '@contains x'].map(
      (operator) => play(engineOf(`SecRule ARGS "${operator}" "id:1,phase:2,pass"`), { target }).steps,
    );
    // Bare and in either quotes, by either dialect.
    expect((sqli ?? 0) - (contains ?? 0)).toBeGreaterThan(6 * 400);
    expect((xss ?? 0) - (contains ?? 0)).toBeGreaterThan(300);
  });

  test('of steps is charged once for a form that several rules look at and capture from', () => {
    const rule = (id: number): string =>
      `SecRule ARGS "@rx a(b)" "id:${id},phase:2,pass,capture,t:urlDecodeUni,t:lowercase"`;
    const target = `/?a=${'x'.repeat(1000)}%2541B`;
    const stepsOf = (count: number): number =>
      play(engineOf(Array.from({ length: count }, (_, id) => rule(id + 1)).join('\n')), { target }).steps;
    // Each more only finds its groups, in one text.
    expect(stepsOf(2) - stepsOf(1)).toBeLessThan(4 * 1003);
    expect(stepsOf(3) - stepsOf(2)).toBe(stepsOf(2) - stepsOf(1));
  });
});

describe('a body', () => {
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const;

  test('of a form gives arguments beside those of the query', () => {
    const waf = engineOf(`SecRule ARGS "@rx ." "id:1,phase:2,pass"
      SecRule ARGS_POST:b "@streq 2" "id:2,phase:2,pass"
      SecRule &ARGS_GET "@eq 1" "id:3,phase:2,pass"
      SecRule REQUEST_BODY "@streq b=2" "id:4,phase:2,pass"
      SecRule ARGS_COMBINED_SIZE "@eq 4" "id:5,phase:2,pass"`);
    const transaction = play(waf, { method: 'POST', target: '/?a=1', headers: form, body: 'b=2' });
    expect(idsOf(transaction)).toEqual([1, 2, 3, 4, 5]);
    expect(transaction.matchedRules[0]?.values.map(({ name }) => name)).toEqual(['ARGS:a', 'ARGS:b']);
  });

  test('is read as a rule says', () => {
    const waf = engineOf(`SecAction "id:1,phase:1,pass,ctl:requestBodyProcessor=JSON"
      SecRule REQBODY_PROCESSOR "@streq JSON" "id:2,phase:2,pass"
      SecRule REQBODY_ERROR "@eq 1" "id:3,phase:2,pass"
      SecRule ARGS "@contains attack" "id:4,phase:2,pass"`);
    expect(idsOf(play(waf, { method: 'POST', body: '{"a":"attack"}' }))).toEqual([1, 2, 4]);
    // What cannot be read is looked at all the same.
    expect(idsOf(play(waf, { method: 'POST', body: '{"a":!attack' }))).toEqual([1, 2, 3, 4]);
  });

  test('with two types is refused, because it has two readings', () => {
    const headers = [
      ['Content-Type', 'application/json'],
      ['Content-Type', 'text/xml'],
    ] as const;
    const { interruption } = play(engineOf(''), { method: 'POST', headers, body: '{}' });
    expect(interruption).toMatchObject({ kind: 'deny', status: 400, cause: 'requestBodyType', ruleId: 0, phase: 2 });
    expect(play(engineOf(''), { headers }).interruption).toBeUndefined();
  });

  test('is given whole only where a rule asks', () => {
    const rule = 'SecRule REQUEST_BODY "@contains a" "id:2,phase:2,pass"';
    const forced = `SecAction "id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"\n${rule}`;
    const text = { method: 'POST', headers: [['Content-Type', 'text/plain']] as const, body: 'a' };
    expect(idsOf(play(engineOf(rule), text))).toEqual([]);
    expect(idsOf(play(engineOf(forced), text))).toEqual([1, 2]);
  });

  test('of a response is looked at where its type is named', () => {
    const waf = engineOf('SecResponseBodyAccess On\nSecRule RESPONSE_BODY "@contains secret" "id:1,phase:4,pass"');
    const response = (type: string): object => ({ response: { headers: [['content-type', type]], body: 'a secret' } });
    expect(idsOf(play(waf, response('text/html; charset=utf-8')))).toEqual([1]);
    expect(idsOf(play(waf, response('image/png')))).toEqual([]);
  });
});
