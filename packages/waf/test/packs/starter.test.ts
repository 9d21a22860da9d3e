import { Buffer } from 'node:buffer';
import { ManualClock } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { createWaf, examplesOf, type RuleSource, readPack, selfTest, starterPack, type Waf } from '../../src/index.ts';
import { idsOf, type Play, play } from '../engine/rig.ts';
import { BENIGN, REFUSED_ALL_THE_SAME } from './benign.ts';

const PACK = starterPack();
const waf = wafWith('');

function wafWith(text: string, { isBefore } = { isBefore: false }): Waf {
  const own: RuleSource = { name: 'own.conf', text };
  const rules = isBefore ? [own, ...PACK.rules] : [...PACK.rules, own];
  const result = createWaf({ rules, files: PACK.files, clock: new ManualClock() });
  if (result.kind === 'ready') return result.waf;
  throw new Error(result.diagnostics.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
}

/** The ids of what speaks, when the request is refused; undefined when it is not. */
function refusal(request: Play, engine = waf): readonly number[] | undefined {
  const transaction = play(engine, request);
  return transaction.interruption === undefined ? undefined : idsOf(transaction).filter((id) => id >= 7_001_000);
}

function json(value: unknown): Play {
  return {
    method: 'POST',
    headers: [['Content-Type', 'application/json']],
    body: Buffer.from(JSON.stringify(value)).toString('latin1'),
  };
}

function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

describe('the starter pack', () => {
  test('holds what its own examples say, and examples are with every rule that finds something (R4.10)', () => {
    const tested = selfTest({ rules: PACK.rules, files: PACK.files, clock: new ManualClock() });
    expect(tested.failures).toEqual([]);
    const examples = PACK.rules.flatMap((source) => examplesOf(source).examples);
    const finding = [
      ...PACK.rules
        .map(({ text }) => text)
        .join('\n')
        .matchAll(/id:(\d+)/g),
    ]
      .map(([, id]) => Number(id))
      .filter((id) => id >= 7_001_000 && id < 7_080_000);
    expect(finding.length).toBeGreaterThan(40);
    for (const isMatch of [true, false]) {
      const ids = new Set(examples.filter((one) => one.isMatch === isMatch).map(({ ruleId }) => ruleId));
      expect(finding.filter((id) => !ids.has(id))).toEqual([]);
    }
  });

  test('says of every rule what it is: version, severity, kind and message (R4.10)', () => {
    const texts = PACK.rules
      .flatMap(({ text }) => text.split(/\n(?=SecRule )/))
      .filter((text) => /id:700[1-9]/.test(text));
    for (const text of texts) {
      expect(text).toMatch(/ver:'starter\/\d+\.\d+\.\d+'/);
      expect(text).toMatch(/severity:(?:CRITICAL|ERROR|WARNING)/);
      expect(text).toMatch(/tag:'attack-[a-z]+'/);
      expect(text).toMatch(/msg:'[A-Z]/);
      expect(text).toMatch(/setvar:tx\.starter_score=\+[345]/);
    }
  });

  test.each<[string, Play]>([
    ['SQL injection', { target: "/login?user=admin'%20OR%20'1'='1" }],
    ['script', { target: '/search?q=%3Cscript%3Ealert(1)%3C/script%3E' }],
    ['traversal', { target: '/download?file=../../../../etc/passwd' }],
    ['traversal in the path', { target: '/static/..%2f..%2f..%2fetc/passwd' }],
    ['a command', { target: '/ping?host=127.0.0.1;cat%20/etc/passwd' }],
    ['a template', { target: '/hello?name=%7B%7B7*7%7D%7D' }],
    ['a look-up', { headers: [['User-Agent', '${jndi:ldap://192.0.2.1/a}']] }],
    ['a request forged by the server', { target: '/fetch?url=http://169.254.169.254/latest/meta-data/' }],
    ['a serialised object', { headers: [['Cookie', 'session=rO0ABXNyABFqYXZhLnV0aWwu']] }],
    ['a polluted prototype', json(JSON.parse('{"__proto__":{"isAdmin":true}}'))],
    [
      'an external entity',
      {
        method: 'POST',
        headers: [['Content-Type', 'text/xml']],
        body: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
      },
    ],
    ['a scanner', { headers: [['User-Agent', 'sqlmap/1.7']] }],
    [
      'SQL in a body of no known type',
      { method: 'POST', headers: [['Content-Type', 'text/plain']], body: "1' UNION SELECT 1,2,3--" },
    ],
    [
      'SQL in an XML attribute',
      { method: 'POST', headers: [['Content-Type', 'text/xml']], body: `<a b="1' OR '1'='1"/>` },
    ],
    ['SQL deep in JSON', json({ a: [{ b: { c: "1' OR '1'='1" } }] })],
    [
      'SQL in a body that says it is a picture',
      { method: 'POST', headers: [['Content-Type', 'image/png']], body: "a=1' OR '1'='1" },
    ],
    ['an attack under two encodings', { target: `/?q=${percentEncoded(percentEncoded('<svg onload=alert(1)>'))}` }],
  ])('refuses %s (R4.9)', (_, request) => {
    expect(refusal(request)?.length).toBeGreaterThan(0);
  });

  test('passes what people and programs write, in a query, a form, JSON and a cookie', () => {
    const refused = BENIGN.flatMap((text) => {
      const encoded = percentEncoded(text);
      const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const;
      const requests: Play[] = [
        { target: `/?text=${encoded}` },
        { method: 'POST', headers: form, body: `text=${encoded}` },
        json({ type: 'chat', text }),
        { headers: [['Cookie', `last=${encoded}`]] },
      ];
      return requests
        .map((request) => refusal(request))
        .filter((ids) => ids !== undefined)
        .map((ids) => ({ text, ids }));
    });
    expect(refused).toEqual([]);
  });

  test.each(REFUSED_ALL_THE_SAME)('is known to refuse %j, by rule %d', (text, ruleId) => {
    expect(refusal(json({ text }))).toContain(ruleId);
  });

  test('passes bytes that are no text', () => {
    const bytes = Array.from({ length: 50_000 }, (_, index) =>
      String.fromCharCode((index * 7919 + (index >> 3) * 31) & 0xff),
    );
    for (const type of ['application/octet-stream', 'image/png', 'application/x-protobuf']) {
      expect(refusal({ method: 'POST', headers: [['Content-Type', type]], body: bytes.join('') })).toBeUndefined();
    }
  });

  test('lets a rule be shadowed: it says what it finds and counts nothing (R4.10)', () => {
    const shadowed = wafWith('SecRuleUpdateActionById 7007010 "setvar:tx.starter_shadow=+5"');
    const transaction = play(shadowed, { target: '/?name=%7B%7B7*7%7D%7D' });
    expect(transaction.interruption).toBeUndefined();
    expect(idsOf(transaction)).toContain(7_007_010);
    expect(transaction.valueOf('TX', 'starter_shadow')).toBe('5');
  });

  test('takes a threshold that was set before it', () => {
    const own = 'SecAction "id:1,phase:1,nolog,pass,setvar:tx.starter_threshold=10"';
    const target = '/?name=%7B%7B7*7%7D%7D';
    expect(refusal({ target }, wafWith(own, { isBefore: true }))).toBeUndefined();
    expect(refusal({ target: `${target}&id=1'%20or%20'1'='1` }, wafWith(own, { isBefore: true }))).toBeDefined();
  });

  test('does not refuse for a warning alone, and does for two findings that are small', () => {
    const body = (text: string): Play => ({
      method: 'POST',
      headers: [['Content-Type', 'application/json']],
      body: text,
    });
    expect(refusal(body('{"a":1'))).toBeUndefined();
    expect(refusal(body('{"a":"<%= request.id %>"}'))).toBeUndefined();
    expect(refusal(body('{"a":"<%= request.id %>"'))).toEqual([7_001_040, 7_006_080, 7_080_020]);
  });
});

describe('a rule pack', () => {
  test('that is not there is said to be missing', () => {
    expect(readPack('/nowhere/at/all')).toEqual({
      kind: 'problem',
      message: 'there is no rule pack in /nowhere/at/all (ENOENT)',
    });
  });

  test('reads nothing outside of its folder', () => {
    for (const path of ['../starter.test.ts', '../../package.json', '/etc/hostname', '..', '.', '']) {
      expect(PACK.files.readFile(path, '10-settings.conf')).toBeUndefined();
    }
    expect(PACK.files.readFile('scanner-agents.data', '30-scanners.conf')?.text).toContain('sqlmap');
  });
});
