import { HeaderList, ManualClock, WAF_OFF, type WafPolicy } from '@sallyport/kernel';
import { createWaf, MemoryCollections } from '@sallyport/waf';
import { describe, expect, it } from 'vitest';
import { RuleInspection } from '../../src/inspection/inspection.ts';
import type { InspectedRequest } from '../../src/inspection/request.ts';

const RULES = `SecRuleEngine On
SecRequestBodyAccess On
SecAction "id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}"
SecRule ARGS "@contains attack" "id:2,phase:2,deny,status:403,t:none,msg:'An attack'"
SecRule REQUEST_METHOD "@rx ." "id:5,phase:5,pass,t:none,setvar:ip.seen=+1,msg:'Answered with %{RESPONSE_STATUS}'"`;

const GET: InspectedRequest = {
  clientIp: '192.0.2.7',
  method: 'GET',
  target: '/',
  rawTarget: '/',
  protocol: 'HTTP/1.1',
  line: undefined,
  headers: [['Host', 'app.example.com']],
  hasBody: false,
  contentEncoding: '',
};

const POST: InspectedRequest = {
  ...GET,
  method: 'POST',
  headers: [...GET.headers, ['Content-Type', 'application/x-www-form-urlencoded']],
  hasBody: true,
};

/** An inspection, and how often phase 5 of it has run so far. */
function inspectionOf(isResponseInspected: boolean): { inspection: RuleInspection; ends: () => number } {
  const clock = new ManualClock();
  const persistence = new MemoryCollections();
  const made = createWaf({ rules: [{ name: 'test.conf', text: RULES }], clock, persistence });
  if (made.kind === 'invalid') throw new Error(made.diagnostics.map(({ message }) => message).join('\n'));
  const policy: WafPolicy = {
    ...WAF_OFF,
    mode: 'block',
    ruleSet: 'f'.repeat(64),
    response: { ...WAF_OFF.response, isInspected: isResponseInspected },
  };
  const ends = (): number =>
    Number(persistence.load({ collection: 'IP', key: '192.0.2.7' }, clock.wallMs()).get('seen')?.text ?? 0);
  return { inspection: new RuleInspection({ engine: made.waf, policy, mode: 'block', id: 'a', clock }), ends };
}

const RESPONSE = { status: 204, headers: new HeaderList([], []), hasBody: false };

describe('phase 5', () => {
  it('follows a request without a body at once where its response is not looked at, and runs once', () => {
    const { inspection, ends } = inspectionOf(false);
    expect(inspection.head(GET)).toEqual({ kind: 'pass' });
    expect(ends()).toBe(1);
    expect(inspection.responseHead(RESPONSE)).toEqual({ kind: 'pass' });
    expect(inspection.finish().facts?.ruleIds).toEqual([5]);
    expect(ends()).toBe(1);
  });

  it('waits for the body of a request that has one', () => {
    const { inspection, ends } = inspectionOf(false);
    expect(inspection.head(POST)).toEqual({ kind: 'pass' });
    expect(ends()).toBe(0);
    expect(inspection.requestBody(Buffer.from('a=1'))).toEqual({ kind: 'pass' });
    expect(ends()).toBe(1);
    expect(inspection.finish().facts?.ruleIds).toEqual([5]);
  });

  it('waits for the last slice of a long body', () => {
    const { inspection, ends } = inspectionOf(false);
    inspection.head(POST);
    const slices = inspection.requestBodyInSlices(Buffer.from('a=1'));
    let slice = slices.next();
    while (slice.done !== true) slice = slices.next();
    expect(slice.value).toEqual({ kind: 'pass' });
    expect(ends()).toBe(1);
    inspection.finish();
    expect(ends()).toBe(1);
  });

  it('follows a refusal at once, whatever was to be looked at behind it', () => {
    const { inspection, ends } = inspectionOf(true);
    inspection.head(POST);
    expect(inspection.requestBody(Buffer.from('a=attack'))).toMatchObject({ kind: 'deny', status: 403 });
    expect(ends()).toBe(1);
    expect(inspection.finish().facts?.ruleIds).toEqual([2, 5]);
    expect(ends()).toBe(1);
  });

  it('follows a refusal of the head', () => {
    const { inspection, ends } = inspectionOf(true);
    expect(inspection.head({ ...GET, target: '/?a=attack' })).toMatchObject({ kind: 'deny', status: 403 });
    expect(ends()).toBe(1);
  });

  it('waits for a response that is looked at, and sees it', () => {
    const { inspection, ends } = inspectionOf(true);
    inspection.head(GET);
    expect(ends()).toBe(0);
    expect(inspection.responseHead(RESPONSE)).toEqual({ kind: 'pass' });
    expect(ends()).toBe(0);
    expect(inspection.finish().facts?.matches).toMatchObject([{ id: 5, message: 'Answered with 204' }]);
    expect(ends()).toBe(1);
  });

  it('runs at the end for a request whose body never came', () => {
    const { inspection, ends } = inspectionOf(false);
    inspection.head(POST);
    expect(inspection.finish().facts?.ruleIds).toEqual([5]);
    expect(ends()).toBe(1);
  });

  it('is behind everything that is judged: what comes after it does not pass unseen', () => {
    const { inspection } = inspectionOf(false);
    inspection.head(POST);
    inspection.finish();
    expect(() => inspection.requestBody(Buffer.from('a=attack'))).toThrow('this inspection is over');
    expect(() => inspection.requestBodyInSlices(Buffer.from('a=attack')).next()).toThrow('this inspection is over');
  });
});
