import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exclusionsFor } from '../../src/index.ts';
import { engineOf, idsOf, play } from './rig.ts';

const rules =
  'SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|XML:/* "@contains attack" "id:1,phase:2,pass,t:none,t:lowercase"';
const judge = 'SecRule MATCHED_VARS|TX:score "@rx ." "id:2,phase:2,pass"';

describe('the exclusions of a match', () => {
  test('name what matched, as narrow as can be', () => {
    const [match] = play(engineOf(rules), {
      target: '/?q=attack&r=attack&s=1',
      headers: [['X-A', 'ATTACK']],
    }).matchedRules;
    expect(match === undefined ? [] : exclusionsFor(match)).toEqual([
      'SecRuleUpdateTargetById 1 "!ARGS:q"',
      'SecRuleUpdateTargetById 1 "!ARGS:r"',
      'SecRuleUpdateTargetById 1 "!REQUEST_HEADERS:X-A"',
    ]);
  });

  test('are empty for rules that judge what others found', () => {
    const waf = engineOf(`SecAction "id:3,phase:2,pass,setvar:tx.score=5"\n${judge}`);
    const match = play(waf).matchedRules.find(({ id }) => id === 2);
    expect(match === undefined ? undefined : exclusionsFor(match)).toEqual([]);
  });

  test('let the same request through, whatever its names are, and nothing else', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(name, (bytes) => {
        const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        const target = `/?${encoded}=attack`;
        const [match] = play(engineOf(rules), { target }).matchedRules;
        const excluded = engineOf(`${rules}\n${match === undefined ? '' : exclusionsFor(match).join('\n')}`);
        expect(idsOf(play(excluded, { target }))).toEqual([]);
        expect(idsOf(play(excluded, { target: `/?${encoded}z=attack` }))).toEqual([1]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a redirect', () => {
  test('cannot be made to write another header field', () => {
    const waf = engineOf('SecAction "id:1,phase:1,redirect:https://example.com/%{ARGS.a}"');
    expect(play(waf, { target: '/?a=x%0d%0aSet-Cookie:%20a=b' }).interruption?.location).toBe(
      'https://example.com/x%0D%0ASet-Cookie:%20a=b',
    );
  });
});

describe('a transaction', () => {
  const everything = engineOf(`
    SecResponseBodyAccess On
    SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|REQUEST_URI_RAW|FILES|XML:/*|XML://@*|RESPONSE_BODY \\
      "@rx (?i)a(.*)b" "id:1,phase:4,pass,capture,multiMatch,t:none,t:utf8toUnicode,t:urlDecodeUni,t:htmlEntityDecode,\\
      t:jsDecode,t:cssDecode,t:escapeSeqDecode,t:base64Decode,t:removeNulls,t:cmdLine,t:normalizePathWin,msg:'%{TX.1}'"
    SecRule ARGS|REQUEST_HEADERS "@detectSQLi" "id:2,phase:4,pass,setvar:tx.%{MATCHED_VAR}=+%{MATCHED_VAR}"
    SecRule ARGS|REQUEST_HEADERS "@detectXSS" "id:3,phase:4,pass,t:none,t:sqlHexDecode,t:replaceComments"
    SecRule ARGS|REQUEST_COOKIES "@validateUtf8Encoding" "id:4,phase:4,pass,t:none,t:urlDecode"`);
  const bytes = fc.uint8Array({ maxLength: 200 }).map((values) => String.fromCharCode(...values));
  const type = fc.constantFrom(
    'application/json',
    'text/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=a',
  );

  test('never throws, whatever is sent', () => {
    fc.assert(
      fc.property(fc.record({ target: bytes, value: bytes, body: bytes, answer: bytes, type }), (sent) => {
        const headers = [
          ['Content-Type', sent.type],
          ['Cookie', sent.value],
          [sent.value, sent.target],
        ] as const;
        const transaction = play(everything, {
          method: sent.value,
          target: sent.target,
          headers,
          body: sent.body,
          response: { headers: [['content-type', 'text/html']], body: sent.answer },
        });
        expect(transaction.interruption).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});
